import type { Vm } from '../support/cluster';
import { startStarling, type Json, type Starling } from '../support/starling';
import {
  agentsOf,
  carryOutRow,
  ids,
  isOff,
  names,
  rebooted,
  succeeds,
  type State,
  type VerbRow,
} from '../support/verb-rows';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling({ STARLING_TIME_SCALE: '40' }); // many clusters at a time on perhaps two cores
});
afterAll(() => starling?.stop());

const firstAgent = (before: State): string => agentsOf(before)[0]!.name;
const ROWS: VerbRow[] = [
  {
    verb: 'scale up',
    name: 'grow',
    request: () => ['POST', '/scale', { agents: 4 }],
    result: { agents: { wanted: 4, came: 4 } },
    becomes: (before, after, cluster) => {
      expect(ids(after.nodes)).toEqual(expect.arrayContaining(ids(before.nodes)));
      return cluster.settles(4);
    },
  },
  {
    verb: 'scale down',
    name: 'shrink',
    request: () => ['POST', '/scale', { agents: 1 }],
    becomes: (_, __, cluster) => cluster.settles(1),
  },
  {
    verb: 'scale down, parking',
    name: 'parking',
    request: () => ['POST', '/scale', { agents: 1, reclaim: 'park' }],
    becomes: (before, after) => {
      expect(ids(after.nodes)).toEqual(ids(before.nodes));
      expect(
        agentsOf(after)
          .map(({ state }) => state)
          .sort(),
      ).toEqual(['parked', 'ready']);
      expect(after.vms.filter(isOff)).toHaveLength(1);
      expect(after.cluster).toMatchObject({ phase: 'ready', agents: { desired: 1, ready: 1 } });
    },
  },
  {
    verb: 'scale up, parked first',
    name: 'unparking',
    prepare: (cluster) => succeeds(cluster.carryOut('POST', '/scale', { agents: 1, reclaim: 'park' })),
    request: () => ['POST', '/scale', { agents: 2 }],
    becomes: async (before, after, cluster) => {
      expect(ids(after.vms)).toEqual(ids(before.vms)); // nobody was made anew
      await cluster.settles(2);
    },
  },
  {
    verb: 'stop',
    name: 'sleepy',
    spec: { agents: { count: 2, autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } } },
    request: () => ['POST', '/stop', {}],
    becomes: async (before, after) => {
      expect(after.cluster).toMatchObject({ phase: 'stopped', operation: null });
      expect(after.nodes.map(({ state }) => state)).toEqual(before.nodes.map(() => 'parked'));
      expect(after.vms.filter(isOff)).toHaveLength(3);
      expect(await isAutoscaleOn('sleepy')).toBe(false);
    },
  },
  {
    verb: 'start',
    name: 'waking',
    spec: { agents: { count: 2, autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } } },
    prepare: (cluster) => succeeds(cluster.carryOut('POST', '/stop', {})),
    request: () => ['POST', '/start', {}],
    becomes: async (before, after, cluster) => {
      expect(names(after.nodes)).toEqual(names(before.nodes));
      expect(await isAutoscaleOn('waking')).toBe(true);
      await cluster.settles(2);
    },
  },
  {
    verb: 'stop of one agent',
    name: 'nap',
    request: (before) => ['POST', '/stop', { nodes: [firstAgent(before)] }],
    becomes: (before, after) => {
      expect(after.nodes.filter(({ state }) => state === 'parked').map(({ name }) => name)).toEqual([
        firstAgent(before),
      ]);
      expect(after.cluster).toMatchObject({ phase: 'ready', agents: { desired: 1, ready: 1 } });
      expect(after.vms.filter(isOff)).toHaveLength(1);
    },
  },
  {
    verb: 'start of one agent',
    name: 'wake',
    prepare: async (cluster) =>
      succeeds(cluster.carryOut('POST', '/stop', { nodes: [(await cluster.agents())[0]!.name] })),
    request: (before) => [
      'POST',
      '/start',
      { nodes: [agentsOf(before).find(({ state }) => state === 'parked')!.name] },
    ],
    becomes: async (before, after, cluster) => {
      expect(ids(after.vms)).toEqual(ids(before.vms));
      await cluster.settles(2);
    },
  },
  {
    verb: 'restart',
    name: 'reboot',
    request: () => ['POST', '/restart', {}],
    becomes: async (before, after, cluster) => {
      expect(rebooted(before, after)).toEqual(names(agentsOf(before)));
      expect(names(after.nodes)).toEqual(names(before.nodes));
      await cluster.settles(2);
    },
  },
  {
    verb: 'restart of a master',
    name: 'rebootm',
    request: () => ['POST', '/restart', { nodes: ['master0'] }],
    becomes: async (before, after, cluster) => {
      expect(rebooted(before, after)).toEqual(names(before.nodes.filter(({ role }) => role === 'master')));
      await cluster.settles(2);
    },
  },
  ...(['serial', 'parallel'] as const).map((order): VerbRow => ({
    verb: `reimage, ${order}`,
    name: `image${order.slice(0, 3)}`,
    request: () => ['POST', '/reimage', { order }],
    becomes: async (before, after, cluster) => {
      expect(ids(after.nodes)).toEqual(ids(before.nodes));
      expect(names(agentsOf(after))).toEqual(
        agentsOf(before)
          .map(({ name }) => `${name}-g2`)
          .sort(),
      );
      expect(names(after.engine)).toEqual(names(after.nodes)); // no ghost of the old generation
      await cluster.settles(2);
    },
  })),
  {
    verb: 'resize',
    name: 'resize',
    request: () => ['POST', '/resize', { size: 'Standard_D2s_v5' }],
    becomes: async (before, after, cluster) => {
      expect(after.cluster.spec.agents.size).toBe('Standard_D2s_v5');
      expect(ids(after.nodes)).toEqual(ids(before.nodes));
      expect(await sizesOf('resize')).toEqual(['Standard_B2s', 'Standard_D2s_v5', 'Standard_D2s_v5']);
      await cluster.settles(2);
    },
  },
  {
    verb: 'upgrade',
    name: 'upgrade',
    request: () => ['POST', '/upgrade', { version: 'v1.36.3+k3s1' }],
    becomes: async (_, after, cluster) => {
      expect(after.cluster.spec.version).toBe('v1.36.3+k3s1');
      expect([...new Set(after.engine.map(({ version }) => version))]).toEqual(['v1.36.3+k3s1']);
      await cluster.settles(2);
      // The template can be submitted again afterwards: what Azure lets nobody change has not changed.
      const spec = { ...after.cluster.spec, ingress: { from: ['203.0.113.0/24'] } };
      await succeeds(cluster.carryOut('PUT', '', spec));
      await cluster.settles(2);
    },
  },
  {
    verb: 'rebalance',
    name: 'spread',
    request: () => ['POST', '/rebalance', {}],
    becomes: (_, __, cluster, operation) => {
      expect(operation.result).toHaveProperty('restarted');
      return cluster.settles(2);
    },
  },
  {
    verb: 'tokens/rotate',
    name: 'rotate',
    request: () => ['POST', '/tokens/rotate', {}],
    becomes: async (_, __, cluster) => {
      await succeeds(cluster.scale(3)); // the engine answers to the new credential, and a newcomer gets a ticket that works
      await cluster.settles(3);
    },
  },
  {
    verb: 'a changed spec',
    name: 'converge',
    request: () => [
      'PUT',
      '',
      {
        engine: 'k3s',
        location: 'westeurope',
        version: 'v1.36.3+k3s1',
        agents: { count: 3, size: 'Standard_D2s_v5' },
        ingress: { from: ['203.0.113.0/24'] },
      },
    ],
    becomes: async (_, after, cluster) => {
      expect([...new Set(after.engine.map(({ version }) => version))]).toEqual(['v1.36.3+k3s1']);
      expect(await sizesOf('converge')).toEqual(['Standard_B2s', ...Array(3).fill('Standard_D2s_v5')]);
      await cluster.settles(3);
    },
  },
  {
    verb: 'destroy, keeping the storage',
    name: 'keeping',
    request: () => ['DELETE', '?storage=keep'],
    becomes: async (_, after, cluster) => {
      expect(after.vms).toEqual([]);
      expect((await starling.request('GET', cluster.path)).status).toBe(404);
      const { resourceGroups } = await starling.control('GET', '/_local/state');
      const left = resourceGroups
        .map(({ name }: { name: string }) => name)
        .filter((name: string) => /^keeping-/.test(name));
      expect(left).toEqual(['keeping-storage']);
      expect(await cluster.destroy('?storage=delete')).toMatchObject({ state: 'succeeded' });
      const after2 = (await starling.control('GET', '/_local/state')).resourceGroups as { name: string }[];
      expect(after2.filter(({ name }) => /^keeping-/.test(name))).toEqual([]);
    },
  },
];

async function resourcesOf(cluster: string, type: RegExp): Promise<Json[]> {
  const { resources } = await starling.control('GET', '/_local/state');
  return resources.filter(
    ({ id }: { id: string }) => type.test(id) && id.toLowerCase().includes(`/${cluster}-compute/`),
  );
}

async function isAutoscaleOn(cluster: string): Promise<boolean> {
  const [setting] = await resourcesOf(cluster, /autoscalesettings/i);
  return setting.properties.enabled;
}

async function sizesOf(cluster: string): Promise<string[]> {
  const { vms } = await starling.control<{ vms: (Vm & { size: string })[] }>('GET', '/_local/state');
  const own = vms.filter(({ resourceGroup }) => resourceGroup.toLowerCase() === `${cluster}-compute`);
  return own.map(({ size }) => size).sort();
}

describe('every verb, on a cluster of its own', () => {
  test.concurrent.each(ROWS)('$verb', (row) => carryOutRow(() => starling, row), 240_000);
});
