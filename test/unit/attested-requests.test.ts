import { join, leave } from '../../functions/join';
import type { Call } from '../../functions/respond';
import { storage } from '../../functions/storage';
import { AppError } from '../../shared/model/errors';
import { secretNames } from '../../shared/model/names';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { clusterRecord, nodeRecord } from '../support/records';

/** What machines get that have proved who they are: the key of their shares, and work when they are back. */

const { spec } = clusterRecord();
const row = nodeRecord('demo', 1);
const claims = JSON.stringify({ cluster: 'demo', hostname: 'h', instanceId: '1', bootId: 'b' });
const shares = { account: 'demostorage', key: 'a2V5', shares: spec.storage.shares, mountAt: '/srv' };

const callOn = (world: FakeWorld): Call<{ claims: string; attestation: string }> => ({
  world,
  orchestrator: new FakeOrchestrator(),
  log: QUIET_LOG,
  params: { c: 'demo' },
  query: {},
  body: { claims, attestation: row.vmId },
});

async function worldWith(node = row, cluster: Parameters<typeof clusterRecord>[0] = {}): Promise<FakeWorld> {
  const world = new FakeWorld(cluster);
  world.addAgent(node);
  const master = { ...nodeRecord('demo', 0), vmId: 'vm-0', instanceId: 'master0', role: 'master' as const };
  world.addAgent({ ...master, state: 'ready', ticketAttempt: 1, address: '172.31.0.10' });
  world.secrets.set(secretNames('demo').engine, '{}');
  await world.mint.prepare('demo');
  return world;
}

const noShares = { spec: { ...spec, storage: { shares: [], mountAt: '/srv' } } };
const unavailable = () => Promise.reject(new AppError('AZURE_UNAVAILABLE', 'listKeys'));

describe('a ticket', () => {
  it('brings the key of the shares, and is not to be stored on the way', async () => {
    const answer = await join(callOn(await worldWith()));
    expect(answer.body).toMatchObject({ nodeName: row.nodeName, storage: shares });
    expect(answer.headers).toEqual({ 'cache-control': 'no-store' });
  });

  it.each([
    ['the account is not there', async () => undefined],
    ['Azure does not tell the key', unavailable],
  ])('comes without it when %s', async (_, storageAccess) => {
    const world = await worldWith();
    world.cloud.storageAccess = storageAccess;
    const { status, body } = await join(callOn(world));
    expect([status, body]).toEqual([200, expect.not.objectContaining({ storage: expect.anything() })]);
  });

  it('of a master makes it serve what comes from outside, and one of an agent does not', async () => {
    const world = await worldWith();
    world.nodeRows.put('vm-0', { ...world.node('vm-0')!, state: 'booting', ticketAttempt: 0 });
    const masterClaims = JSON.stringify({ cluster: 'demo', hostname: 'h', instanceId: 'master0', bootId: 'b' });
    const master = await join({ ...callOn(world), body: { claims: masterClaims, attestation: 'vm-0' } });
    world.nodeRows.put('vm-0', { ...world.node('vm-0')!, state: 'ready', address: '172.31.0.10' });
    const labelsOf = ({ body }: { body: unknown }) => (body as { labels: Record<string, string> }).labels;
    expect(labelsOf(master)).toMatchObject({ 'svccontroller.k3s.cattle.io/enablelb': 'true' });
    expect(Object.keys(labelsOf(await join(callOn(world))))).toEqual(['starling.io/instance']);
  });

  it('asks Azure for no key where there are no shares', async () => {
    const world = await worldWith(row, noShares);
    world.cloud.storageAccess = () => Promise.reject(new Error('asked'));
    expect((await join(callOn(world))).body).not.toHaveProperty('storage');
  });
});

describe('while nobody can tell an agent where its masters are', () => {
  const homeless = async (node = row): Promise<FakeWorld> => {
    const world = await worldWith(node);
    world.nodeRows.put('vm-0', { ...world.node('vm-0')!, address: '' });
    return world;
  };

  it('it gets no ticket, and its waiting costs neither a write nor a call to the engine', async () => {
    const world = await homeless();
    for (let times = 0; times < 3; times++)
      await expect(join(callOn(world))).rejects.toMatchObject({ code: 'CLUSTER_NOT_READY' });
    expect([world.node(row.vmId), world.told, world.calls]).toEqual([row, [], []]);
  });

  it('one that has joined before is told so all the same', async () => {
    const world = await homeless({ ...row, state: 'ready', registeredAt: row.since });
    await expect(join(callOn(world))).rejects.toMatchObject({ code: 'ALREADY_JOINED' });
  });
});

it('finds nobody who speaks for a machine that is gone', async () => {
  const world = await worldWith({ ...row, state: 'gone', registeredAt: row.since });
  for (const route of [join, storage, leave])
    await expect(route(callOn(world))).rejects.toMatchObject({ code: 'UNKNOWN_INSTANCE' });
});

describe('the key of the shares', () => {
  const registered = { ...row, state: 'ready' as const, registeredAt: row.since };

  it('is told to a machine that has joined before, too: at each boot it may be another', async () => {
    const answer = await storage(callOn(await worldWith(registered)));
    expect(answer).toEqual({ status: 200, body: { storage: shares }, headers: { 'cache-control': 'no-store' } });
  });

  it('is nothing where there are no shares', async () => {
    expect((await storage(callOn(await worldWith(registered, noShares)))).body).toEqual({ storage: null });
  });

  it('is to be asked for later while the account is not there', async () => {
    const world = await worldWith(registered);
    world.cloud.storageAccess = async () => undefined;
    await expect(storage(callOn(world))).rejects.toMatchObject({ code: 'CLUSTER_NOT_READY', retryAfterMs: 60_000 });
  });

  it('is for machines of the cluster only', async () => {
    const world = await worldWith(registered);
    const stranger = { ...callOn(world), body: { claims, attestation: 'vm-of-another' } };
    await expect(storage(stranger)).rejects.toMatchObject({ code: 'UNKNOWN_INSTANCE' });
  });
});

it('a farewell that comes while the same machine is welcomed back leaves no node cordoned for ever', async () => {
  const node = { ...row, state: 'ready' as const, ticketAttempt: 1, registeredAt: row.since };
  const world = await worldWith(node);
  const engine = world.connectEngine();
  const cordon = engine.cordon.bind(engine);
  engine.cordon = async (name) => {
    await expect(join(callOn(world))).rejects.toMatchObject({ code: 'ALREADY_JOINED' });
    return cordon(name);
  };
  await leave(callOn(world));
  expect(world.node(node.vmId)).toMatchObject({ goingDown: false });
  expect(world.engineNodes.find(({ name }) => name === node.nodeName)).toMatchObject({ schedulable: true });
});
