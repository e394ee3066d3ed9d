import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { parse, stringify } from 'yaml';
import { renderCustomData } from '../../cloud-init/render';
import type { Handler } from '../../local/azure/http';
import { createImds } from '../../local/azure/imds';
import { createLocalPki, type LocalPki } from '../../local/azure/pki';
import { virtualClock, type VirtualClock } from '../../local/clock';
import { createK3s, type K3s } from '../../local/engines/k3s/k3s';
import { caHashOf } from '../../local/engines/k3s/tokens';
import { createSwarm, type Swarm } from '../../local/engines/swarm/swarm';
import { createScheduler, type Scheduler } from '../../local/scheduler';
import { memoryStore, type Store } from '../../local/store';
import { createMachineInventory, type MachineInventory } from '../../local/vm/inventory';
import type { MachineSpec, ScheduledEvent } from '../../local/vm/machine';
import type { StorageAccess, Ticket } from '../../local/vm/machine-state';
import { createSimulatedMachines, type SimulatedMachines } from '../../local/vm/simulated';

export const START = Date.parse('2026-03-01T08:00:00Z');
export const SERVER_TOKEN = 'server-secret';
const APP_URL = 'https://app.example';
const SUBSCRIPTION = '11111111-1111-4111-8111-111111111111';

/** Signing keys take a while to make and are the same for all tests. */
export const pki: LocalPki = createLocalPki(memoryStore(), virtualClock(START));

export interface AppCall {
  route: string;
  claims: {
    cluster: string;
    hostname: string;
    instanceId: string;
    bootId: string;
    ca?: string;
    credential?: string;
    endpoint?: string;
    nodeId?: string;
    rejoin?: boolean;
  };
  at: number;
  /** The nonce that IMDS signed, and the one that the claims demand. */
  nonces: [string, string];
}

export interface Lab {
  clock: VirtualClock;
  store: Store;
  k3s: K3s;
  swarm: Swarm;
  machines: SimulatedMachines;
  inventory: MachineInventory;
  imds: Handler;
  calls: AppCall[];
  acknowledged: string[];
  /** What the app answers instead of its usual answers, first one first; `network` is no answer at all. */
  next: (Response | 'network')[];
  ticket: (claims: AppCall['claims']) => Ticket & { storage?: StorageAccess };
  /** Moves the clock second by second until the condition holds; fails after `limitSeconds` of simulated time. */
  until(condition: () => boolean, limitSeconds?: number): Promise<void>;
  callsOf(route: string): AppCall[];
  nodes(): { name: string; ready: string; unschedulable: boolean; podCidr: string }[];
  scheduler: Scheduler;
  /** What simulated work threw. */
  errors: unknown[];
}

/** One Azure without Azure: machines, IMDS, k3s and an app that gives every caller a ticket. */
export function createLab(store: Store = memoryStore(), clock: VirtualClock = virtualClock(START)): Lab {
  const errors: unknown[] = [];
  const scheduler = createScheduler(store, clock, (error) => errors.push(error));
  const inventory = createMachineInventory(store);
  const acknowledged: string[] = [];
  const onAcknowledge = (eventId: string): void => void acknowledged.push(eventId);
  const imds = createImds({ machines: inventory, pki, clock, onAcknowledge });
  const log = (): void => undefined;
  const k3s = createK3s({ store, clock, scheduler, log });
  const swarm = createSwarm({ store, clock, scheduler, log });
  const calls: AppCall[] = [];
  const next: (Response | 'network')[] = [];

  const masterFqdn = (index: number): string => `blue-master${index}.example`;
  const ticket = ({ instanceId }: AppCall['claims']): Ticket => {
    const ca = k3s.identityOf(masterFqdn(0))?.ca;
    const isMaster = instanceId.startsWith('master');
    return {
      engine: 'k3s',
      role: isMaster ? 'master' : 'agent',
      nodeName: isMaster ? instanceId : `agent-${instanceId}`,
      token: isMaster || !ca ? SERVER_TOKEN : `K10${caHashOf(ca)}::server:${SERVER_TOKEN}`,
      servers: instanceId === 'master0' ? [] : ['https://10.0.0.4:6443'],
      version: 'v1.36.2+k3s1',
      labels: { 'starling.dev/role': isMaster ? 'master' : 'agent' },
      ...(isMaster && { initialise: instanceId === 'master0', tlsSans: [masterFqdn(Number(instanceId.slice(6)))] }),
    };
  };
  const lab: Lab = {
    clock,
    store,
    k3s,
    swarm,
    inventory,
    imds,
    calls,
    acknowledged,
    next,
    ticket,
    scheduler,
    errors,
    machines: createSimulatedMachines({
      inventory,
      store,
      clock,
      scheduler,
      k3s,
      swarm,
      imds: () => imds,
      log,
      fetch: async (input, init) => {
        const route = String(input).split('/').pop() ?? '';
        const { claims, attestation } = JSON.parse(String(init?.body)) as { claims: string; attestation: string };
        const signed = /"nonce":"([^"]*)"/.exec(Buffer.from(attestation, 'base64').toString('latin1'))?.[1] ?? '';
        const demanded = createHash('sha256').update(claims).digest('hex').slice(0, 32);
        const parsed = JSON.parse(claims) as AppCall['claims'];
        calls.push({ route, claims: parsed, at: clock.now(), nonces: [signed, demanded] });
        const planned = next.shift();
        if (planned === 'network') throw new TypeError('fetch failed');
        return planned ?? Response.json(route === 'join' ? lab.ticket(parsed) : {});
      },
    }),
    async until(condition, limitSeconds = 300) {
      const keysAreMadeBy = Date.now() + 20_000;
      for (let second = 0; !condition(); second += 1) {
        if (errors.length > 0) throw errors[0];
        if (second > limitSeconds && Date.now() > keysAreMadeBy)
          throw new Error(`not within ${limitSeconds} simulated seconds`);
        await clock.advance(1_000);
        await new Promise((resolve) => setTimeout(resolve, 1)); // keys are made on another thread, in real time
      }
    },
    callsOf: (route) => calls.filter((call) => call.route === route),
    nodes: () => {
      const identity = k3s.identityOf(masterFqdn(0));
      const answer = k3s.handle(masterFqdn(0), {
        method: 'GET',
        url: new URL('https://master/api/v1/nodes'),
        headers: { authorization: `Bearer ${identity?.credential ?? ''}` },
        body: '',
      });
      return nodesOf(answer.body);
    },
  };
  scheduler.start();
  return lab;
}

interface NodeList {
  items?: {
    metadata: { name: string };
    spec: { unschedulable?: boolean; podCIDR?: string };
    status: { conditions: { type: string; status: string }[] };
  }[];
}

const nodesOf = (body: unknown): ReturnType<Lab['nodes']> =>
  ((body as NodeList | undefined)?.items ?? []).map(({ metadata, spec, status }) => ({
    name: metadata.name,
    unschedulable: spec.unschedulable ?? false,
    podCidr: spec.podCIDR ?? '',
    ready: status.conditions.find(({ type }) => type === 'Ready')?.status ?? 'none',
  }));

const VERSIONS = { k3s: 'v1.36.2+k3s1', swarm: '29.7.2' };
const customData = (role: 'master' | 'agent', engine: keyof typeof VERSIONS = 'k3s'): string =>
  renderCustomData({ role, engine, appUrl: APP_URL, cluster: 'blue', version: VERSIONS[engine], ssh: null });
/** The same machine, but for one of the files that its customData brings: a unit or a script. */
export const without = (file: string, spec: MachineSpec): MachineSpec => {
  const config = parse(gunzipSync(Buffer.from(spec.customData, 'base64')).toString()) as {
    write_files: { path: string }[];
  };
  config.write_files = config.write_files.filter(({ path }) => !path.endsWith(`/${file}`));
  return { ...spec, customData: Buffer.from(`#cloud-config\n${stringify(config)}`).toString('base64') };
};
const CUSTOM_DATA = { master: customData('master'), agent: customData('agent') };

export function masterSpec(index = 0): MachineSpec {
  return {
    ...common(`0000000${index}-0000-4000-8000-000000000000`, `master${index}`),
    computerName: `master${index}`,
    customData: CUSTOM_DATA.master,
    privateIp: `10.0.0.${4 + index}`,
    fqdn: `blue-master${index}.example`,
  };
}

/** The same machine in a cluster of Docker Swarm. */
export const ofSwarm = (spec: MachineSpec): MachineSpec => ({
  ...spec,
  customData: customData(spec.scaleSet ? 'agent' : 'master', 'swarm'),
});

export function agentSpec(id: number): MachineSpec {
  const suffix = String(id).padStart(12, '0');
  return {
    ...common(`aaaaaaaa-0000-4000-8000-${suffix}`, `agents_${id}`),
    computerName: `agents${id.toString(36).padStart(6, '0')}`,
    scaleSet: { name: 'agents', instanceId: String(id) },
    customData: CUSTOM_DATA.agent,
    privateIp: `10.0.${1 + Math.floor(id / 200)}.${4 + (id % 200)}`,
  };
}

const common = (vmId: string, name: string) => ({
  vmId,
  name,
  subscriptionId: SUBSCRIPTION,
  resourceGroup: 'blue-compute',
  resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/blue-compute/providers/Microsoft.Compute/virtualMachines/${name}`,
  location: 'westeurope',
  size: 'Standard_B2s',
  priority: 'Regular' as const,
  tags: { 'starling-cluster': 'blue' },
});

export const scheduledEvent = (change: Partial<ScheduledEvent>): ScheduledEvent => ({
  EventId: 'e-1',
  EventType: 'Preempt',
  ResourceType: 'VirtualMachine',
  Resources: ['agents_3'],
  EventStatus: 'Scheduled',
  NotBefore: 'Sun, 01 Mar 2026 08:10:00 GMT',
  Description: '',
  EventSource: 'Platform',
  DurationInSeconds: -1,
  ...change,
});
