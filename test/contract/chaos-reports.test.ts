import { createAzureClients } from '../../shared/azure/clients';
import { createTableStores } from '../../shared/azure/tables';
import type { ChaosReport } from '../../shared/model/chaos';
import { testConfig, testCredential } from '../support/azure-config';
import { startAzurite, type Azurite } from '../support/azurite';

let azurite: Azurite;
let chaos: ReturnType<typeof createTableStores>['chaos'];
beforeAll(async () => {
  azurite = await startAzurite();
  chaos = createTableStores(createAzureClients(testConfig({ tables: azurite }), testCredential)).chaos;
});
afterAll(() => azurite.stop());

const reportAt = (minute: number, changes: Partial<ChaosReport> = {}): ChaosReport => ({
  id: `demo.chaos.${minute}`,
  cluster: 'demo',
  request: { action: 'restart', seed: 1, concurrency: 1, dryRun: false },
  cause: 'operator',
  startedAt: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  endedAt: null,
  verdict: 'running',
  reason: '',
  before: null,
  after: null,
  eligible: [],
  victims: [],
  ...changes,
});

it('answers reports newest first, no more than asked for, and none of other clusters', async () => {
  const cluster = 'listed';
  const reports = [1, 2, 3].map((minute) => reportAt(minute, { cluster }));
  for (const report of [...reports, reportAt(4)]) await chaos.put(report);
  expect(await chaos.list(cluster, 10)).toEqual([...reports].reverse());
  expect(await chaos.list(cluster, 2)).toEqual([reports[2], reports[1]]);
  expect(await chaos.list('nobody', 2)).toEqual([]);
});

it('finds a report by its key, and overwrites it', async () => {
  const report = reportAt(5);
  expect(await chaos.get(report)).toBeUndefined();
  await chaos.put(report);
  await chaos.put({ ...report, verdict: 'passed' });
  expect(await chaos.get(report)).toEqual({ ...report, verdict: 'passed' });
});

it('holds the report of a run over the largest scale set, and reads it back as a shorter one', async () => {
  const names = Array.from({ length: 1000 }, (_, index) => `agents-${index}-0a1b2c3d-g12`);
  const victims = names.map((nodeName) => ({
    nodeName,
    vmId: '0a1b2c3d-0000-4000-8000-000000000000',
    instanceId: '1000',
    struckAt: '2026-01-01T00:00:00.000Z',
    detectedMs: 10_000,
    rejoinedMs: 100_000,
    steadyMs: 100_000,
    problem: '',
  }));
  const report = reportAt(6, { eligible: names, victims });
  await chaos.put(report);
  expect(await chaos.get(report)).toEqual(report);
  await chaos.put(reportAt(6));
  expect(await chaos.get(report)).toEqual(reportAt(6));
});
