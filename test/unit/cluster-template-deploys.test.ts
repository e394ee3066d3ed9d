import { buildClusterTemplate, buildPartTemplate } from '../../infra/cluster/build-cluster-template';
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

async function withGroups() {
  const arm = simulatedArm();
  for (const group of ['demo-compute', 'demo-storage']) {
    const { status } = await arm.call('PUT', `/resourcegroups/${group}?api-version=2025-04-01`, {
      location: 'westeurope',
    });
    expect([200, 201]).toContain(status);
  }
  return arm;
}

interface Deployed {
  provisioningState?: string;
  outputs?: { masters?: { value: string[] } };
  error?: unknown;
}

/** Submits a template and waits for its end. */
async function deploy(
  arm: ReturnType<typeof simulatedArm>,
  name: string,
  built: ReturnType<typeof buildClusterTemplate>,
): Promise<Deployed> {
  const path = `/resourcegroups/demo-compute/providers/Microsoft.Resources/deployments/${name}?api-version=2025-04-01`;
  const begun = await arm.call('PUT', path, { properties: { mode: 'Incremental', ...built } });
  expect([begun.status, begun.body]).toEqual([201, expect.anything()]);
  const deadline = arm.clock.now() + 30 * 60_000;
  let properties: Deployed = {};
  while (!/Succeeded|Failed/.test(properties.provisioningState ?? '') && arm.clock.now() < deadline) {
    await arm.clock.advance(10_000);
    properties = ((await arm.call('GET', path)).body as { properties: Deployed }).properties;
  }
  return properties;
}

test('the template is accepted, deployed to the end, and names the masters', async () => {
  const arm = await withGroups();
  const properties = await deploy(arm, 'cluster', buildClusterTemplate(input));
  arm.stop();
  expect(properties.error).toBeUndefined();
  expect(properties.provisioningState).toBe('Succeeded');
  const place = { cluster: 'demo', suffix: 'x7k2m', location: 'westeurope' };
  expect(properties.outputs?.masters?.value).toEqual(
    [0, 1, 2].map((index) => masterFqdn(place.cluster, place.location, place.suffix, index)),
  );
  expect(arm.failures).toEqual([]);
});

test('storage may come first, and a master whose machine was deleted comes again, with its old address', async () => {
  const arm = await withGroups();
  const states = [
    await deploy(arm, 'storage', buildPartTemplate(input, 'storage')),
    await deploy(arm, 'cluster', buildClusterTemplate(input)),
  ];
  const machine = '/resourcegroups/demo-compute/providers/Microsoft.Compute/virtualMachines/master1';
  const address = '/resourcegroups/demo-compute/providers/Microsoft.Network/publicIPAddresses/master1-address';
  const vmId = async () => idOf((await arm.call('GET', `${machine}?api-version=2026-03-01`)).body);
  const ipAddress = async () => idOf((await arm.call('GET', `${address}?api-version=2025-05-01`)).body, 'ipAddress');
  const before = { vmId: await vmId(), ipAddress: await ipAddress() };
  await arm.call('DELETE', `${machine}?api-version=2026-03-01`);
  await arm.clock.advance(10 * 60_000);
  expect(await vmId()).toBeUndefined();
  states.push(await deploy(arm, 'master1', buildPartTemplate(input, 'master1')));
  arm.stop();
  expect(states.map(({ provisioningState, error }) => error ?? provisioningState)).toEqual(Array(3).fill('Succeeded'));
  expect(await vmId()).toEqual(expect.any(String));
  expect(await vmId()).not.toBe(before.vmId);
  expect(await ipAddress()).toBe(before.ipAddress);
  expect(arm.failures).toEqual([]);
});

const idOf = (body: unknown, property = 'vmId'): unknown =>
  (body as { properties?: Record<string, unknown> }).properties?.[property];
