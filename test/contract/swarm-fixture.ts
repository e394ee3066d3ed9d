import Docker from 'dockerode';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { virtualClock, type VirtualClock } from '../../local/clock';
import { createSwarmListener } from '../../local/engines/swarm/listener';
import {
  createSwarm,
  type DaemonStart,
  type JoinOptions,
  type Swarm,
  type TlsIdentity,
} from '../../local/engines/swarm/swarm';
import { createScheduler } from '../../local/scheduler';
import { memoryStore, type Store } from '../../local/store';

export const START = Date.parse('2026-03-01T08:00:00Z');
const FQDN = 'blue-master0.westeurope.cloudapp.azure.com';

export const fqdnOf = (index: number): string => FQDN.replace('master0', `master${index}`);

export const masterIp = (index: number): string => `172.31.0.${10 + index}`;

export function daemonStart(machineId: string, more: Partial<DaemonStart> = {}): DaemonStart {
  return {
    machineId,
    hostname: machineId,
    ip: '172.31.1.4',
    bootId: `boot-of-${machineId}`,
    version: '29.7.2',
    clusterName: 'blue',
    ...more,
  };
}

/** What a client of one daemon is told to use; some tests tell it wrongly. */
export interface Door {
  servername: string;
  identity: Partial<TlsIdentity>;
}

export interface SwarmFixture {
  clock: VirtualClock;
  store: Store;
  swarm: Swarm;
  /** Of master0. */
  docker: Docker;
  /** The real client of another daemon, or with other certificates. */
  dockerAt(door: Partial<Door>): Docker;
  dockerOf(index: number): Docker;
  /** Starts a daemon and joins it as a worker; its node id. */
  worker(machineId: string, more?: Partial<JoinOptions> & { hostname?: string }): Promise<string>;
  master(index: number): Promise<string>;
  tokens(): Promise<{ Worker: string; Manager: string }>;
  advance(seconds: number): Promise<void>;
  /** The same after a restart of the simulator, as far as it was stored. */
  reopened(): Swarm;
  control(method: string, path: string, body?: object): { status: number; body: Record<string, unknown> };
  close(): Promise<void>;
}

/** One manager that has initialised a swarm, behind a real listener with mutual TLS, the real client, and a clock that the test moves. */
export async function swarmFixture(more: Partial<DaemonStart> = {}): Promise<SwarmFixture> {
  const clock = virtualClock(START);
  const store = memoryStore();
  const errors: unknown[] = [];
  const open = (scheduler = createScheduler(store, clock, (error) => errors.push(error))): Swarm =>
    createSwarm({ store, clock, scheduler, log: () => undefined });
  const scheduler = createScheduler(store, clock, (error) => errors.push(error));
  const swarm = open(scheduler);
  scheduler.start();
  const listener = createSwarmListener(swarm);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const identities: TlsIdentity[] = [];
  const agents: Agent[] = [];

  const dockerAt = ({ servername = fqdnOf(0), identity = identities[0] ?? {} }: Partial<Door>): Docker => {
    const [cert, key] = (identity.credential ?? '').split(/(?=-----BEGIN PRIVATE KEY)/);
    const agent = new Agent({ keepAlive: true, ca: identity.ca, cert, key, servername });
    agents.push(agent);
    const options = { protocol: 'https' as const, host: '127.0.0.1', port, agent }; // its types do not know `agent`
    return new Docker(options);
  };
  const serve = (index: number): void => {
    const identity = swarm.serveTls(`master${index}`, { fqdn: fqdnOf(index) });
    if (!identity) throw new Error(`master${index} does not run`);
    identities[index] = identity;
  };
  const startMaster = (index: number): void =>
    swarm.startDaemon(daemonStart(`master${index}`, { ip: masterIp(index), ...more }));

  startMaster(0);
  const begun = swarm.init('master0', {
    advertiseAddr: masterIp(0),
    availability: 'drain',
    defaultAddrPool: ['10.128.0.0/9'],
    subnetSize: 24,
    taskHistoryLimit: 2,
  });
  if (!begun.ok) throw new Error(begun.message);
  serve(0);
  const docker = dockerAt({});
  const tokens = async () =>
    ((await docker.swarmInspect()) as { JoinTokens: { Worker: string; Manager: string } }).JoinTokens;
  const joined = async (machineId: string, options: JoinOptions): Promise<string> => {
    const outcome = swarm.join(machineId, options);
    if (!outcome.ok) throw new Error(outcome.message);
    await clock.advance(1_000);
    return outcome.nodeId;
  };

  return {
    clock,
    store,
    swarm,
    docker,
    dockerAt,
    tokens,
    dockerOf: (index) => dockerAt({ servername: fqdnOf(index), identity: identities[index] }),
    async worker(machineId, { hostname = machineId, ...options } = {}) {
      swarm.startDaemon(daemonStart(machineId, { hostname }));
      const { Worker } = await tokens();
      return joined(machineId, { remoteAddrs: [`${masterIp(0)}:2377`], token: Worker, ...options });
    },
    async master(index) {
      startMaster(index);
      const { Manager } = await tokens();
      const options: JoinOptions = { remoteAddrs: [`${masterIp(0)}:2377`], token: Manager, availability: 'drain' };
      const nodeId = await joined(`master${index}`, options);
      serve(index);
      return nodeId;
    },
    advance: (seconds) => clock.advance(seconds * 1_000),
    reopened: () => open(),
    control(method, path, body) {
      const url = new URL(`http://127.0.0.1/_local/engine/${path}`);
      const text = body === undefined ? '' : JSON.stringify(body);
      return swarm.control({ method, url, headers: {}, body: text }) as {
        status: number;
        body: Record<string, unknown>;
      };
    },
    async close() {
      if (errors.length > 0) throw errors[0];
      for (const agent of agents) agent.destroy();
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
      store.close();
    },
  };
}

export interface Refusal {
  statusCode: number;
  message: string;
}

/** Status and message of the error that the real client throws. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    const { statusCode, json } = error as { statusCode?: number; json?: { message?: string } };
    if (statusCode === undefined) throw error;
    return { statusCode, message: json?.message ?? '' };
  }
  throw new Error('the call was not refused');
}
