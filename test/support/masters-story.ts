import { Cluster, type Node } from './cluster';
import { startStarling, waitUntil, type Operation, type Starling } from './starling';

const MASTERS = ['master0', 'master1', 'master2'];

/** One story, told in order: a cluster of three masters of that spec. `next` is a version that it can be upgraded to. */
export function tellOfMasters(spec: object, next: string): void {
  let starling: Starling;
  let cluster: Cluster;
  beforeAll(async () => {
    starling = await startStarling();
    cluster = new Cluster(starling, 'trio');
  });
  afterAll(() => starling?.stop());

  const masters = async (): Promise<Node[]> => (await cluster.nodes()).filter(({ role }) => role === 'master');
  const vmIdOf = async (name: string): Promise<string | undefined> =>
    (await masters()).find(({ instanceId }) => instanceId === name)?.vmId;
  const repair = (node: string): Promise<Operation> => cluster.carryOut('POST', '/repair', { node });

  /** Waits until the cluster says that a master is missing. */
  const isDegraded = (): Promise<void> =>
    waitUntil('the cluster is degraded for want of a master', async () => {
      const { phase, phaseReason } = await cluster.get();
      return phase === 'degraded' && /master/.test(phaseReason);
    });

  test('comes up one master after the other, master0 first', async () => {
    expect(await cluster.deploy({ ...spec, masters: { count: 3 }, agents: { count: 2 } })).toMatchObject({
      error: null,
      state: 'succeeded',
    });
    await cluster.settles(2);
    const names = new Map((await masters()).map(({ name, instanceId }) => [name, instanceId]));
    const joined = (await cluster.events()).filter(({ type, subject }) => type === 'node.ready' && names.has(subject));
    expect(joined.map(({ subject }) => names.get(subject))).toEqual(MASTERS);
  });

  test('loses one and keeps working: nothing is removed, it says why it is degraded, and agents come and go', async () => {
    const before = await cluster.nodes();
    await cluster.disturb('master1', 'hang');
    await isDegraded();
    expect((await cluster.nodes()).map(({ vmId }) => vmId).sort()).toEqual(before.map(({ vmId }) => vmId).sort());
    expect((await cluster.agents()).map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(await cluster.scale(3)).toMatchObject({ error: null, state: 'succeeded' });
    expect((await cluster.agents()).map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    expect(await vmIdOf('master1')).toBe(before.find(({ instanceId }) => instanceId === 'master1')?.vmId);
  });

  test('is not upgraded, and no other master is replaced, while one is lost', async () => {
    expect(await repair('master2')).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' } });
    const upgrade = await cluster.carryOut('POST', '/upgrade', { version: next });
    expect(upgrade).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' } });
    const versions = (await cluster.engineNodes()).map(({ version }) => version);
    expect(versions).not.toContain(next);
  });

  test('gets it back by a repair, as a new machine that joins the others', async () => {
    const lost = await vmIdOf('master1');
    const others = (await cluster.nodes()).filter(({ vmId }) => vmId !== lost).map(({ name }) => name);
    expect(await repair('master1')).toMatchObject({ error: null, state: 'succeeded', result: { master: 'master1' } });
    await cluster.settles(3);
    expect(await vmIdOf('master1')).not.toBe(lost);
    expect((await cluster.nodes()).map(({ name }) => name)).toEqual(expect.arrayContaining(others));
  });

  test('gets back master0 too, which makes no second cluster', async () => {
    const lost = await vmIdOf('master0');
    const others = (await cluster.nodes()).filter(({ vmId }) => vmId !== lost).map(({ name }) => name);
    await cluster.disturb('master0', 'vanish');
    await isDegraded();
    expect(await repair('master0')).toMatchObject({ error: null, state: 'succeeded' });
    await cluster.settles(3);
    expect((await masters()).map(({ instanceId }) => instanceId).sort()).toEqual(MASTERS);
    expect((await cluster.engineNodes()).map(({ name }) => name)).toEqual(expect.arrayContaining(others));
  });

  test('goes to the next version: state saved, masters one at a time, then agents', async () => {
    const since = (await cluster.events()).at(-1)!.at;
    const upgrade = await cluster.carryOut('POST', '/upgrade', { version: next });
    expect(upgrade).toMatchObject({
      error: null,
      state: 'succeeded',
      result: { masters: MASTERS, version: next },
    });
    expect(upgrade.result.agents).toHaveLength(3);
    await cluster.settles(3);
    const versions = (await cluster.engineNodes()).map(({ version }) => version);
    expect(versions).toEqual(Array(6).fill(next));
    expect((await cluster.get()).spec.version).toBe(next);
    const told = (await cluster.events(since)).map(({ type, subject }) => `${type} ${subject}`);
    const steps = told.filter((line) => /^(master\.|cluster\.version)/.test(line));
    expect(steps).toEqual([
      'master.snapshot master0',
      ...MASTERS.map((name) => `master.upgrade ${name}`),
      `cluster.version ${cluster.name}`,
    ]);
  });

  test('upgraded to what it has, says that there was nothing to do', async () => {
    const again = await cluster.carryOut('POST', '/upgrade', { version: next });
    expect(again).toMatchObject({
      error: null,
      state: 'succeeded',
      result: { masters: [], agents: [], snapshot: null },
    });
    expect(again.result.note).toContain('nothing to do');
  });

  test('gets new keys, and works on with them', async () => {
    expect(await cluster.carryOut('POST', '/tokens/rotate', {})).toMatchObject({ error: null, state: 'succeeded' });
    expect(await cluster.scale(4)).toMatchObject({ error: null, state: 'succeeded' });
    await cluster.settles(4);
  });

  test('without two of its masters is left as it is, and says that too few are well', async () => {
    const before = (await cluster.nodes()).map(({ vmId }) => vmId).sort();
    await cluster.disturb('master0', 'hang');
    await cluster.disturb('master2', 'hang');
    await isDegraded();
    expect(await repair('master0')).toMatchObject({ state: 'failed', error: { code: 'QUORUM_AT_RISK' } });
    expect((await cluster.nodes()).map(({ vmId }) => vmId).sort()).toEqual(before);
  });
}
