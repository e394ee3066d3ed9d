import { createAzureClients } from '../../shared/azure/clients';
import { createTableStores } from '../../shared/azure/tables';
import { AppError } from '../../shared/model/errors';
import { testConfig, testCredential } from '../support/azure-config';
import { startAzurite, type Azurite } from '../support/azurite';
import { clusterRecord, eventRecord, nodeRecord, operationRecord } from '../support/records';

let azurite: Azurite;
let stores: ReturnType<typeof createTableStores>;
let number = 0;
/** Each test has clusters of its own, so that all share one Azurite. */
const newCluster = (): string => `c${(number += 1)}-${Date.now().toString(36)}`;
/** Another instance of the app: it shares nothing with the first but the tables. */
const connect = (): typeof stores =>
  createTableStores(createAzureClients(testConfig({ tables: azurite }), testCredential));

beforeAll(async () => {
  azurite = await startAzurite();
  stores = connect();
});
afterAll(() => azurite.stop());

describe('clusters', () => {
  it('reads back exactly what was written, absent fields included', async () => {
    const record = clusterRecord({ name: newCluster() });
    expect(await stores.clusters.insert(record)).toBe(true);
    expect((await stores.clusters.get(record.name))?.record).toEqual(record);
    expect(await stores.clusters.list()).toContainEqual(record);
  });

  it('does not know a cluster that was never written', async () => {
    expect(await stores.clusters.get('nobody')).toBeUndefined();
  });

  it('inserts a name once', async () => {
    const record = clusterRecord({ name: newCluster() });
    await stores.clusters.insert(record);
    expect(await stores.clusters.insert({ ...record, phase: 'failed' })).toBe(false);
    expect((await stores.clusters.get(record.name))?.record.phase).toBe('deploying');
  });

  it('lets one of many simultaneous writers win', async () => {
    const record = clusterRecord({ name: newCluster() });
    await stores.clusters.insert(record);
    const { etag } = (await stores.clusters.get(record.name))!;
    const claims = Array.from({ length: 20 }, (_, index) =>
      stores.clusters.replace({ ...record, operation: `operation-${index}` }, etag),
    );
    expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
  });

  it('forgets a field that was set back to null', async () => {
    const record = clusterRecord({
      name: newCluster(),
      operation: 'x',
      reconcileRequestedAt: '2026-01-01T00:00:00.000Z',
    });
    await stores.clusters.insert(record);
    const { etag } = (await stores.clusters.get(record.name))!;
    await stores.clusters.replace({ ...record, operation: null, reconcileRequestedAt: null }, etag);
    expect((await stores.clusters.get(record.name))?.record).toMatchObject({
      operation: null,
      reconcileRequestedAt: null,
    });
  });

  it('removes the cluster with its nodes, keeps operations and events, and may do so again', async () => {
    const name = newCluster();
    await stores.clusters.insert(clusterRecord({ name }));
    await stores.nodes.writeAll(range(130).map((index) => ({ record: nodeRecord(name, index) })));
    await stores.operations.insert(operationRecord({ cluster: name }));
    await stores.events.append([eventRecord(name, 1)]);
    await stores.clusters.remove(name);
    await stores.clusters.remove(name);
    expect(await stores.clusters.get(name)).toBeUndefined();
    expect(await stores.nodes.list(name)).toEqual([]);
    expect(await stores.operations.listByCluster(name, 10)).toHaveLength(1);
    expect(await stores.events.list(name, { limit: 10 })).toHaveLength(1);
  });

  it('is replaced by nobody after it was removed', async () => {
    const record = clusterRecord({ name: newCluster() });
    await stores.clusters.insert(record);
    const { etag } = (await stores.clusters.get(record.name))!;
    await stores.clusters.remove(record.name);
    expect(await stores.clusters.replace(record, etag)).toBe(false);
    expect(await stores.clusters.get(record.name)).toBeUndefined();
  });
});

describe('nodes', () => {
  it('reads back exactly what was written', async () => {
    const record = nodeRecord(newCluster(), 7);
    expect(await stores.nodes.insert(record)).toBe(true);
    expect((await stores.nodes.get(record.cluster, record.vmId))?.record).toEqual(record);
    expect(await stores.nodes.insert(record)).toBe(false);
  });

  it('writes 250 rows in transactions and lists them all', async () => {
    const cluster = newCluster();
    const rows = range(250).map((index) => ({ record: nodeRecord(cluster, index) }));
    expect(await stores.nodes.writeAll(rows)).toEqual({ conflicts: [] });
    expect(await stores.nodes.list(cluster)).toHaveLength(250);
  });

  it('lists those of one role alone', async () => {
    const cluster = newCluster();
    const master = { ...nodeRecord(cluster, 900), role: 'master' as const, instanceId: 'master0' };
    await stores.nodes.writeAll([
      ...range(3).map((index) => ({ record: nodeRecord(cluster, index) })),
      { record: master },
    ]);
    expect((await stores.nodes.list(cluster, 'master')).map(({ record }) => record)).toEqual([master]);
    expect(await stores.nodes.list(cluster, 'agent')).toHaveLength(3);
  });

  it('leaves out exactly the rows that others changed, deleted or made meanwhile, and writes the rest', async () => {
    const cluster = newCluster();
    await stores.nodes.writeAll(range(120).map((index) => ({ record: nodeRecord(cluster, index) })));
    const read = await stores.nodes.list(cluster);
    const [changed, deleted] = [read[3]!, read[110]!];
    await connect().nodes.replace({ ...changed.record, state: 'failed' }, changed.etag);
    await connect().nodes.remove(cluster, [deleted.record.vmId]);
    await connect().nodes.insert(nodeRecord(cluster, 500));
    const rows = [
      ...read.map(({ record, etag }) => ({ record: { ...record, detail: 'written' }, etag })),
      { record: nodeRecord(cluster, 500) },
      { record: nodeRecord(cluster, 501) },
    ];
    const { conflicts } = await stores.nodes.writeAll(rows);
    expect(conflicts.sort()).toEqual([changed.record.vmId, deleted.record.vmId, nodeRecord(cluster, 500).vmId].sort());
    const after = (await stores.nodes.list(cluster)).map(({ record }) => record);
    expect(after.filter(({ detail }) => detail === 'written')).toHaveLength(118);
    expect(after.find(({ vmId }) => vmId === changed.record.vmId)?.state).toBe('failed');
    expect(after.find(({ vmId }) => vmId === nodeRecord(cluster, 501).vmId)).toBeDefined();
  });

  it('removes rows, also ones that are not there', async () => {
    const cluster = newCluster();
    await stores.nodes.writeAll(range(3).map((index) => ({ record: nodeRecord(cluster, index) })));
    const ids = [nodeRecord(cluster, 0).vmId, 'not-there', nodeRecord(cluster, 2).vmId, nodeRecord(cluster, 2).vmId];
    await stores.nodes.remove(cluster, ids);
    await stores.nodes.remove(cluster, ids);
    await stores.nodes.remove(cluster, []);
    expect((await stores.nodes.list(cluster)).map(({ record }) => record.vmId)).toEqual([nodeRecord(cluster, 1).vmId]);
  });

  it('keeps clusters apart whose names begin alike', async () => {
    const cluster = newCluster();
    await stores.nodes.insert(nodeRecord(cluster, 1));
    await stores.nodes.insert(nodeRecord(`${cluster}-2`, 2));
    expect(await stores.nodes.list(cluster)).toHaveLength(1);
  });
});

describe('operations', () => {
  it('reads back exactly what was written, finished or not', async () => {
    const cluster = newCluster();
    const running = operationRecord({ cluster });
    const failed = operationRecord({
      cluster,
      unique: 'b',
      state: 'failed',
      endedAt: '2026-01-01T00:01:00.000Z',
      error: { code: 'QUOTA_EXCEEDED', message: 'none left' },
      result: { deleted: ['a', 'b'] },
    });
    for (const record of [running, failed]) expect(await stores.operations.insert(record)).toBe(true);
    for (const record of [running, failed]) {
      expect((await stores.operations.get(record.id))?.record).toEqual(record);
      expect(await stores.operations.insert(record)).toBe(false);
    }
  });

  it('lists the newest first and no more than asked for', async () => {
    const cluster = newCluster();
    for (const minute of [3, 1, 4, 2]) {
      const startedAt = `2026-01-01T00:0${minute}:00.000Z`;
      await stores.operations.insert(operationRecord({ cluster, unique: `m${minute}`, startedAt }));
    }
    const listed = await stores.operations.listByCluster(cluster, 3);
    expect(listed.map(({ startedAt }) => startedAt.slice(15, 16))).toEqual(['4', '3', '2']);
  });

  it('lists what runs in any cluster, and no longer what has ended', async () => {
    const [first, second] = [operationRecord({ cluster: newCluster() }), operationRecord({ cluster: newCluster() })];
    await stores.operations.insert(first);
    await stores.operations.insert(second);
    const { etag } = (await stores.operations.get(first.id))!;
    expect(await stores.operations.replace({ ...first, state: 'succeeded' }, etag)).toBe(true);
    const ids = (await stores.operations.listRunning()).map(({ id }) => id);
    expect(ids).toContain(second.id);
    expect(ids).not.toContain(first.id);
  });

  it('does not call running what ended just before a crash', async () => {
    const record = operationRecord({ cluster: newCluster() });
    await stores.operations.insert({ ...record, state: 'succeeded' });
    const index = createAzureClients(testConfig({ tables: azurite }), testCredential).table('StarlingOperations');
    const key = { partitionKey: '~running', rowKey: record.id };
    await index.createEntity({ ...key, id: record.id, startedAt: record.startedAt });
    expect((await stores.operations.listRunning()).map(({ id }) => id)).not.toContain(record.id);
    await expect(index.getEntity(key.partitionKey, key.rowKey)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('says which column is too large', async () => {
    const record = operationRecord({ cluster: newCluster(), result: 'x'.repeat(40_000) });
    const refusal = stores.operations.insert(record);
    await expect(refusal).rejects.toThrow(AppError);
    await expect(refusal).rejects.toThrow(/^result of .* has 40002 characters/);
  });
});

describe('events', () => {
  it('lists the oldest first, those after an id or a time, and no more than asked for', async () => {
    const cluster = newCluster();
    const events = range(5).map((second) => eventRecord(cluster, second));
    await stores.events.append([...events].reverse());
    const list = async (since: string | undefined, limit = 100) =>
      (await stores.events.list(cluster, { since, limit })).map(({ message }) => message);
    expect(await list(undefined)).toEqual(['0', '1', '2', '3', '4']);
    expect(await list(undefined, 2)).toEqual(['0', '1']);
    expect(await list(events[1]!.id)).toEqual(['2', '3', '4']);
    expect(await list(events[1]!.at)).toEqual(['2', '3', '4']);
    expect(await list('2026-01-01T01:00:01+01:00')).toEqual(['2', '3', '4']);
    expect(await list(events[4]!.at)).toEqual([]);
  });

  it('keeps the first of two events with one id, also when the second comes later', async () => {
    const cluster = newCluster();
    const first = { ...eventRecord(cluster, 1), id: 'azure-8f4e' };
    const again = { ...first, at: '2026-01-01T00:09:00.000Z', message: 'again' };
    await stores.events.append([first, eventRecord(cluster, 2)]);
    await stores.events.append([again, eventRecord(cluster, 2), eventRecord(cluster, 3)]);
    const listed = await stores.events.list(cluster, { limit: 10 });
    expect(listed.map(({ message }) => message)).toEqual(['1', '2', '3']);
    expect((await stores.events.list(cluster, { since: first.id, limit: 10 })).map(({ message }) => message)).toEqual([
      '2',
      '3',
    ]);
  });

  it('writes hundreds at once, one of them known already and one twice', async () => {
    const cluster = newCluster();
    await stores.events.append([eventRecord(cluster, 150)]);
    const events = range(240).map((second) => eventRecord(cluster, second));
    await stores.events.append([...events, events[7]!]);
    expect(await stores.events.list(cluster, { limit: 1000 })).toHaveLength(240);
  });

  it('keeps the further facts of an event', async () => {
    const cluster = newCluster();
    const event = { ...eventRecord(cluster, 1), data: { count: 3, forced: true, reason: 'drain' } };
    await stores.events.append([event]);
    expect(await stores.events.list(cluster, { limit: 1 })).toEqual([event]);
  });
});

it('says that Azure does not answer when the table service is away', async () => {
  const away = await startAzurite();
  await away.stop();
  const lost = createTableStores(createAzureClients(testConfig({ tables: away }), testCredential));
  await expect(lost.clusters.list()).rejects.toMatchObject({ name: 'AppError', code: 'AZURE_UNAVAILABLE' });
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
