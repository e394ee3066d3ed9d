import { createAzureClients } from '../../shared/azure/clients';
import { createCloud } from '../../shared/azure/cloud';
import { scripted, type Answer } from '../support/azure-answers';
import { testConfig, testCredential } from '../support/azure-config';

const URLS = ['https://management.azure.com/operations/1', 'https://westeurope.management.azure.com/operations/2'];

/** Polls an operation of two batches, whose URLs answer as told. */
async function poll(answers: Record<string, Answer>) {
  const httpClient = scripted(({ url }) => answers[url.slice(-1)] ?? { status: 200, body: { status: 'Succeeded' } });
  const cloud = createCloud(createAzureClients(testConfig(), testCredential, { httpClient }));
  const outcome = await cloud.poll(JSON.stringify({ operations: URLS })).catch((error: unknown) => error);
  return { outcome, reads: httpClient.requests.length };
}

const failed = (code: string, status = 'Failed'): Answer => ({
  status: 200,
  body: { status, error: { code, message: 'No.' } },
});

it('is done when every batch is', async () => {
  expect(await poll({})).toEqual({ outcome: { state: 'succeeded' }, reads: 2 });
});

it('asks no further while the last batch is under way', async () => {
  const running = { status: 200, body: { status: 'InProgress' }, headers: { 'retry-after': '17' } };
  expect(await poll({ 2: running })).toEqual({ outcome: { state: 'running', retryAfterMs: 17_000 }, reads: 1 });
});

it('waits ten seconds where Azure asks for nothing', async () => {
  const { outcome } = await poll({ 1: { status: 202 } });
  expect(outcome).toEqual({ state: 'running', retryAfterMs: 10_000 });
});

it.each([
  ['AllocationFailed', 'CAPACITY_UNAVAILABLE'],
  ['QuotaExceeded', 'QUOTA_EXCEEDED'],
  ['OperationPreempted', 'SCALE_SET_CONFLICT'],
  ['VMExtensionProvisioningError', 'DEPLOYMENT_FAILED'],
  // Azure gave up on its side: that is how the operation ended, not trouble of reading it.
  ['InternalExecutionError', 'DEPLOYMENT_FAILED'],
])('an operation that failed with %s means %s, in Azure’s words', async (code, means) => {
  const { outcome } = await poll({ 1: failed(code) });
  expect(outcome).toEqual({ state: 'failed', code: means, message: `${code}: No.` });
});

it('an operation that a newer one cancelled has failed', async () => {
  const { outcome } = await poll({ 2: failed('OperationPreempted', 'Canceled') });
  expect(outcome).toMatchObject({ state: 'failed', code: 'SCALE_SET_CONFLICT' });
});

it('an operation that failed without a reason still says so', async () => {
  const { outcome } = await poll({ 2: { status: 200, body: { status: 'Failed' } } });
  expect(outcome).toMatchObject({ state: 'failed', code: 'DEPLOYMENT_FAILED', message: /^Failed: / });
});

it.each([200, 201, 204])('a location that answers %i at last, without a status, has succeeded', async (status) => {
  expect((await poll({ 1: { status }, 2: { status } })).outcome).toEqual({ state: 'succeeded' });
});

it('a location that answers 409 at last tells how the operation failed', async () => {
  const { outcome } = await poll({ 1: { status: 409, body: { error: { code: 'AllocationFailed', message: 'No.' } } } });
  expect(outcome).toMatchObject({ state: 'failed', code: 'CAPACITY_UNAVAILABLE' });
});

it.each([
  [401, 'InvalidAuthenticationToken', 'AZURE_DENIED'],
  [403, 'AuthorizationFailed', 'AZURE_DENIED'],
  [429, 'TooManyRequests', 'AZURE_UNAVAILABLE'],
  [503, 'ServiceUnavailable', 'AZURE_UNAVAILABLE'],
])('a reading that is answered %i says nothing about the operation', async (status, code, means) => {
  const answer = { status, body: { error: { code, message: 'No.' } }, headers: { 'retry-after': '60' } };
  const { outcome } = await poll({ 2: answer });
  expect(outcome).toMatchObject({ name: 'AppError', code: means, retryAfterMs: 60_000 });
});
