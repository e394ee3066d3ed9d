import { buildClusterTemplate } from '../../infra/cluster/build-cluster-template';
import type { ClusterTemplateInput } from '../../infra/cluster/input';
import { masterFqdn } from '../../shared/model/names';
import { createAzure } from '../../local/azure/azure';
import { virtualClock } from '../../local/clock';
import { createScheduler } from '../../local/scheduler';
import { memoryStore } from '../../local/store';
import type { MachineDriver } from '../../local/vm/machine';
import { clusterSpec } from '../support/records';

/** The template against the simulated ARM, which evaluates expressions, orders resources and checks references as Azure does. */

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';

const input: ClusterTemplateInput = {
  cluster: 'demo',
  spec: clusterSpec({
    masters: { count: 3 },
    agents: { autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } },
  }),
  app: {
    url: 'https://app.example',
    functionAppId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Web/sites/app`,
    eventFunctionName: 'onEvent',
    outboundAddresses: ['203.0.113.9'],
  },
  customData: { master: () => 'bWFzdGVy', agent: 'YWdlbnQ=' },
  suffix: 'x7k2m',
};

/** Machines that do nothing: what they would do after their deployment is not looked at here. */
const deadMachines: MachineDriver = {
  boot: () => undefined,
  shutdown: () => undefined,
  wipe: () => undefined,
  destroy: () => undefined,
  hang: () => undefined,
  announce: () => undefined,
  hearsEvents: () => false,
  runCommand: () => Promise.resolve({ stdout: '', stderr: '' }),
};

function simulatedArm() {
  const clock = virtualClock(Date.UTC(2026, 0, 1));
  const store = memoryStore();
  const failures: unknown[] = [];
  const scheduler = createScheduler(store, clock, (error) => failures.push(error));
  const azure = createAzure({
    store,
    clock,
    scheduler,
    driver: deadMachines,
    log: () => undefined,
    settings: {
      subscriptionId: SUBSCRIPTION,
      tenantId: SUBSCRIPTION,
      baseUrl: () => 'https://arm.example',
      deliver: () => Promise.resolve(200),
      verifyToken: false,
    },
  });
  azure.start();
  const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> => {
    const { status, body: answer } = await azure.arm({
      method,
      url: new URL(`https://arm.example/subscriptions/${SUBSCRIPTION}${path}`),
      headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : '',
    });
    return { status, body: typeof answer === 'string' ? JSON.parse(answer) : answer };
  };
  return { clock, call, failures, stop: () => azure.stop() };
}

test('the template is accepted, deployed to the end, and names the masters', async () => {
  const arm = simulatedArm();
  for (const group of ['demo-compute', 'demo-storage']) {
    const { status } = await arm.call('PUT', `/resourcegroups/${group}?api-version=2025-04-01`, {
      location: 'westeurope',
    });
    expect([200, 201]).toContain(status);
  }
  const { template, parameters } = buildClusterTemplate(input);
  const path = '/resourcegroups/demo-compute/providers/Microsoft.Resources/deployments/cluster?api-version=2025-04-01';
  const begun = await arm.call('PUT', path, { properties: { mode: 'Incremental', template, parameters } });
  expect([begun.status, begun.body]).toEqual([201, expect.anything()]);

  const deadline = arm.clock.now() + 30 * 60_000;
  let properties: { provisioningState?: string; outputs?: { masters?: { value: string[] } }; error?: unknown } = {};
  while (!/Succeeded|Failed/.test(properties.provisioningState ?? '') && arm.clock.now() < deadline) {
    await arm.clock.advance(10_000);
    properties = ((await arm.call('GET', path)).body as { properties: typeof properties }).properties;
  }
  arm.stop();
  expect(properties.error).toBeUndefined();
  expect(properties.provisioningState).toBe('Succeeded');
  const place = { cluster: 'demo', suffix: 'x7k2m', location: 'westeurope' };
  expect(properties.outputs?.masters?.value).toEqual(
    [0, 1, 2].map((index) => masterFqdn(place.cluster, place.location, place.suffix, index)),
  );
  expect(arm.failures).toEqual([]);
});
