import { createAzureClients } from '../../shared/azure/clients';
import { getMachine } from '../../shared/azure/machines';
import { answering } from '../support/azure-answers';
import { testConfig, testCredential } from '../support/azure-config';

const VM_ID = '0A1B2C3D-0000-4000-8000-00000000ABCD';

it.each(['agent', 'master'] as const)('the vmId of %s is the same text however Azure spells it', async (role) => {
  const body = { name: 'master0', instanceId: '0', properties: { vmId: VM_ID, provisioningState: 'Succeeded' } };
  const clients = createAzureClients(testConfig(), testCredential, { httpClient: answering(200, body) });
  expect(await getMachine(clients, 'demo', role, '0')).toMatchObject({ vmId: VM_ID.toLowerCase() });
});
