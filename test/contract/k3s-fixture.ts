import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { virtualClock, type VirtualClock } from '../../local/clock';
import { createK3s, type K3s, type ServerStart } from '../../local/engines/k3s/k3s';
import { createK3sListener } from '../../local/engines/k3s/listener';
import type { NewKubeObject } from '../../local/engines/k3s/kube-object';
import type { JoinRequest } from '../../local/engines/k3s/supervisor';
import { createScheduler } from '../../local/scheduler';
import { memoryStore, type Store } from '../../local/store';

export const START = Date.parse('2026-03-01T08:00:00Z');
export const FQDN = 'blue-master0.westeurope.cloudapp.azure.com';
export const SERVER_TOKEN = 'server-secret';

/** The rights that masters really give to Starling. */
const MANIFESTS = parseAllDocuments(
  readFileSync(join(__dirname, '../../cloud-init/manifests/starling-rbac.yaml'), 'utf8'),
).map((document) => document.toJS() as NewKubeObject);

export function serverStart(index: number): ServerStart {
  return {
    clusterName: 'blue',
    fqdn: FQDN.replace('master0', `master${index}`),
    nodeName: `master${index}`,
    machineId: `00000000-0000-0000-0000-00000000000${index}`,
    ip: `10.0.0.${4 + index}`,
    role: 'server',
    labels: {},
    tlsSans: [],
    token: SERVER_TOKEN,
    nodePassword: `password-${index}`,
    version: 'v1.36.2+k3s1',
    bootId: `boot-of-master${index}`,
    manifests: MANIFESTS,
  };
}

export interface K3sFixture {
  clock: VirtualClock;
  store: Store;
  k3s: K3s;
  api: CoreV1Api;
  /** A client with another bearer token. */
  apiWith(token: string): CoreV1Api;
  agent(name: string, more?: Partial<JoinRequest>): JoinRequest;
  close(): Promise<void>;
}

/** One initialised master behind a real TLS listener, the real client, and a clock that the test moves. */
export async function k3sFixture(more: Partial<ServerStart> = {}): Promise<K3sFixture> {
  const clock = virtualClock(START);
  const store = memoryStore();
  const errors: unknown[] = [];
  const scheduler = createScheduler(store, clock, (error) => errors.push(error));
  const k3s = createK3s({ store, clock, scheduler, log: () => undefined });
  scheduler.start();
  await k3s.initialise({ ...serverStart(0), ...more });
  await clock.advance(10_000);
  const listener = createK3sListener(k3s);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const identity = k3s.identityOf(FQDN);
  if (!identity) throw new Error('the master has no identity');

  const apiWith = (token: string): CoreV1Api => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [
        {
          name: 'blue',
          server: `https://127.0.0.1:${port}`,
          caData: Buffer.from(identity.ca).toString('base64'),
          tlsServerName: FQDN,
        },
      ],
      users: [{ name: 'starling', token }],
      contexts: [{ name: 'blue', cluster: 'blue', user: 'starling' }],
      currentContext: 'blue',
    });
    return config.makeApiClient(CoreV1Api);
  };
  return {
    clock,
    store,
    k3s,
    api: apiWith(identity.credential),
    apiWith,
    agent: (nodeName, more = {}) => ({
      clusterName: 'blue',
      serverUrl: 'https://10.0.0.4:6443',
      token: `node:${SERVER_TOKEN}`,
      nodeName,
      nodePassword: `password of ${nodeName}`,
      machineId: `machine of ${nodeName}`,
      ip: '10.0.1.4',
      role: 'agent',
      labels: { 'starling.dev/role': 'agent' },
      version: 'v1.36.2+k3s1',
      bootId: `boot-of-${nodeName}`,
      ...more,
    }),
    async close() {
      if (errors.length > 0) throw errors[0];
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
      store.close();
    },
  };
}

/** The HTTP code of the error that the real client throws. */
export async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'number') throw error;
    return code;
  }
}
