import { SPEC, type Cluster, type Vm } from './cluster';
import type { Json } from './starling';
import { agentsOf, ids, isOff, names, rebooted, succeeds, type State, type VerbRow } from './verb-rows';

const firstAgent = (before: State): string => agentsOf(before)[0]!.name;

/** The verbs that every engine has, on clusters of that spec; `next` is a version that it can be upgraded to. */
export const verbsOf = (engine: 'k3s' | 'swarm', next: string, spec: object = {}): VerbRow[] =>
  rowsOf(engine, next).map((row) => ({ ...row, spec: { engine, ...spec, ...row.spec } }));

const rowsOf = (engine: 'k3s' | 'swarm', next: string): VerbRow[] => [
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
    becomes: async (before, after, cluster) => {
      expect(after.cluster).toMatchObject({ phase: 'stopped', operation: null });
      expect(after.nodes.map(({ state }) => state)).toEqual(before.nodes.map(() => 'parked'));
      expect(after.vms.filter(isOff)).toHaveLength(3);
      expect(await isAutoscaleOn(cluster)).toBe(false);
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
      expect(await isAutoscaleOn(cluster)).toBe(true);
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
      expect(await sizesOf(cluster)).toEqual(['Standard_B2s', 'Standard_D2s_v5', 'Standard_D2s_v5']);
      await cluster.settles(2);
    },
  },
  {
    verb: 'upgrade',
    name: 'upgrade',
    request: () => ['POST', '/upgrade', { version: next }],
    becomes: async (_, after, cluster) => {
      expect(after.cluster.spec.version).toBe(next);
      expect([...new Set(after.engine.map(({ version }) => version))]).toEqual([next]);
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
        ...SPEC,
        engine,
        version: next,
        agents: { count: 3, size: 'Standard_D2s_v5' },
        ingress: { from: ['203.0.113.0/24'] },
      },
    ],
    becomes: async (_, after, cluster) => {
      expect([...new Set(after.engine.map(({ version }) => version))]).toEqual([next]);
      expect(await sizesOf(cluster)).toEqual(['Standard_B2s', ...Array(3).fill('Standard_D2s_v5')]);
      await cluster.settles(3);
    },
  },
  {
    verb: 'destroy, keeping the storage',
    name: 'keeping',
    request: () => ['DELETE', '?storage=keep'],
    becomes: async (_, after, cluster) => {
      expect(after.vms).toEqual([]);
      expect((await cluster.starling.request('GET', cluster.path)).status).toBe(404);
      const { resourceGroups } = await cluster.starling.control('GET', '/_local/state');
      const left = resourceGroups
        .map(({ name }: { name: string }) => name)
        .filter((name: string) => /^keeping-/.test(name));
      expect(left).toEqual(['keeping-storage']);
      expect(await cluster.destroy('?storage=delete')).toMatchObject({ state: 'succeeded' });
      const after2 = (await cluster.starling.control('GET', '/_local/state')).resourceGroups as { name: string }[];
      expect(after2.filter(({ name }) => /^keeping-/.test(name))).toEqual([]);
    },
  },
];

async function resourcesOf({ starling, name }: Cluster, type: RegExp): Promise<Json[]> {
  const { resources } = await starling.control('GET', '/_local/state');
  return resources.filter(({ id }: { id: string }) => type.test(id) && id.toLowerCase().includes(`/${name}-compute/`));
}

async function isAutoscaleOn(cluster: Cluster): Promise<boolean> {
  const [setting] = await resourcesOf(cluster, /autoscalesettings/i);
  return setting.properties.enabled;
}

async function sizesOf({ starling, name }: Cluster): Promise<string[]> {
  const { vms } = await starling.control<{ vms: (Vm & { size: string })[] }>('GET', '/_local/state');
  const own = vms.filter(({ resourceGroup }) => resourceGroup.toLowerCase() === `${name}-compute`);
  return own.map(({ size }) => size).sort();
}
