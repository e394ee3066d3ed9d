import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTarget, typeOf } from '../../local/azure/arm/ids';
import type { Cloud } from '../../shared/ports';
import { deploy, simulatedCloud, templateOf, type SimulatedCloud } from '../support/simulated-cloud';

/** Whoever deploys Starling gives it the role in `infra/`; a call that the role does not allow fails there only. */

const role = readFileSync(join(__dirname, '../../infra/modules/cluster-rights.bicep'), 'utf8');
const allowed = [...role.matchAll(/^ +'(Microsoft\.\w+\/[^']+)'$/gm)].map(([, action = '']) => action.toLowerCase());

const isAllowed = (action: string): boolean =>
  allowed.some((granted) => (granted.endsWith('*') ? action.startsWith(granted.slice(0, -1)) : action === granted));

/** `POST /subscriptions/…/virtualMachines/master0/start` asks for `microsoft.compute/virtualmachines/start/action`. */
function actionOf(request: string): string {
  const [method = '', path = ''] = request.split(' ');
  const target = parseTarget(path);
  const own = path.split('/').filter((_, index) => index % 2 === 1);
  const type = target?.namespace ? typeOf(target) : `Microsoft.Resources/${own.join('/')}`;
  const verb = { GET: 'read', HEAD: 'read', PUT: 'write', PATCH: 'write', DELETE: 'delete', POST: 'action' }[method];
  return `${type}/${verb}`.toLowerCase();
}

/** Everything that the port can do, in an order in which it works. */
async function useEverything({ cloud, settle, settleCommand, until }: SimulatedCloud): Promise<void> {
  await cloud.checkQuota({ location: 'westeurope', sizes: [{ size: 'Standard_B2s', count: 1 }] });
  await Promise.all([cloud.listLocations(), cloud.listSizes('westeurope'), cloud.listImages('westeurope')]);
  await Promise.all([cloud.getTemplate('demo'), cloud.listDeploymentOperations('demo'), cloud.storageAccess('demo')]);
  await Promise.all([cloud.setAutoscale('demo', false), cloud.listTagged('demo'), cloud.groupExists('demo-compute')]);
  const etag = async (): Promise<string> => (await cloud.getScaleSet('demo'))!.etag;
  await settle(await cloud.setCapacity('demo', 3, await etag()));
  await settle(await cloud.setAgentSize('demo', 'Standard_B2ms', await etag()));
  const agents = (await cloud.listMachines('demo')).filter(({ role: of }) => of === 'agent');
  const ids = agents.map(({ instanceId }) => instanceId);
  for (const verb of ['startAgents', 'restartAgents', 'reimageAgents', 'updateAgents'] as const)
    await settle(await cloud[verb]('demo', ids));
  for (const deallocate of [false, true]) await settle(await cloud.stopAgents('demo', ids.slice(1), { deallocate }));
  await settle(await cloud.deleteAgents('demo', ids.slice(1)));
  await settleCommand(await cloud.beginCommand('demo', { role: 'agent', instanceId: ids[0]! }, ['true']));
  await cloud.simulateEviction('demo', ids[0]!);
  await useMaster({ cloud, settle, settleCommand });
  await cloud.deleteGroup('demo', 'demo-compute');
  await until(async () => !(await cloud.groupExists('demo-compute')));
}

async function useMaster({
  cloud,
  settle,
  settleCommand,
}: Pick<SimulatedCloud, 'cloud' | 'settle' | 'settleCommand'>): Promise<void> {
  const verbs: Parameters<Cloud['startMaster']> = ['demo', 'master0'];
  await settleCommand(await cloud.beginCommand('demo', { role: 'master', instanceId: 'master0' }, ['true']));
  await settle(await cloud.restartMaster(...verbs));
  for (const deallocate of [false, true]) await settle(await cloud.stopMaster(...verbs, { deallocate }));
  await settle(await cloud.startMaster(...verbs));
  await settle(await cloud.deleteMaster(...verbs));
}

test('the role allows every call that Starling makes, those of its templates included', async () => {
  const simulated = simulatedCloud();
  const autoscale = { cpuAbovePercent: 80, cpuBelowPercent: 10 };
  await deploy(simulated, 'demo', 2, { priority: 'Spot', autoscale });
  await useEverything(simulated);
  const called = [...new Set(simulated.requests.map(actionOf))];
  expect(called.length).toBeGreaterThan(30);
  const { template } = templateOf('demo', 2, { autoscale });
  const submitted = template.resources.map(({ type }) => `${type}/write`.toLowerCase());
  expect([...called, ...submitted].filter((action) => !isAllowed(action))).toEqual([]);
});

test('this check finds what the role leaves out', () => {
  expect(isAllowed('microsoft.compute/virtualmachines/runcommand/action')).toBe(true);
  expect(isAllowed('microsoft.authorization/roleassignments/write')).toBe(false);
  expect(isAllowed('microsoft.storage/storageaccounts/regeneratekey/action')).toBe(false);
});
