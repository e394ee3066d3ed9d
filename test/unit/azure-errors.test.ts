import { RestError } from '@azure/core-rest-pipeline';
import { createAzureClients } from '../../shared/azure/clients';
import { deepestError, meaningOf, readFailure, toAppError, toRefusal } from '../../shared/azure/errors';
import { isNetworkCode, readRetryAfterMs } from '../../shared/azure/retry';
import { AppError } from '../../shared/model/errors';
import { testConfig, testCredential } from '../support/azure-config';
import { answering } from '../support/azure-answers';

/** Bodies as Azure sends them; each leads through a real SDK client to one meaning. */
const SAMPLES: { says: string; status: number; code: string; message?: string; means: string }[] = [
  {
    says: 'cores of the region are used up',
    status: 409,
    code: 'OperationNotAllowed',
    message: 'Operation could not be completed as it results in exceeding approved Total Regional Cores quota.',
    means: 'QUOTA_EXCEEDED',
  },
  { says: 'a quota with a name of its own', status: 400, code: 'QuotaExceeded', means: 'QUOTA_EXCEEDED' },
  { says: 'Spot cores are used up', status: 409, code: 'LowPriorityQuotaExceeded', means: 'QUOTA_EXCEEDED' },
  { says: 'no hardware', status: 409, code: 'AllocationFailed', means: 'CAPACITY_UNAVAILABLE' },
  { says: 'no hardware in the zone', status: 409, code: 'ZonalAllocationFailed', means: 'CAPACITY_UNAVAILABLE' },
  {
    says: 'too many wishes at once',
    status: 409,
    code: 'OverconstrainedAllocationRequest',
    means: 'CAPACITY_UNAVAILABLE',
  },
  { says: 'size not offered', status: 409, code: 'SkuNotAvailable', means: 'CAPACITY_UNAVAILABLE' },
  {
    says: 'another write is going on',
    status: 409,
    code: 'OperationNotAllowed',
    message: 'The request failed due to conflict with a concurrent request.',
    means: 'SCALE_SET_CONFLICT',
  },
  { says: 'a newer write won', status: 409, code: 'OperationPreempted', means: 'SCALE_SET_CONFLICT' },
  { says: 'the etag is old', status: 412, code: 'PreconditionFailed', means: 'SCALE_SET_CONFLICT' },
  {
    says: 'throttled',
    status: 429,
    code: 'OperationNotAllowed',
    message: 'The server rejected the request because too many requests have been received.',
    means: 'AZURE_UNAVAILABLE',
  },
  { says: 'an outage', status: 503, code: 'ServiceUnavailable', means: 'AZURE_UNAVAILABLE' },
  { says: 'no right', status: 403, code: 'AuthorizationFailed', means: 'AZURE_DENIED' },
  { says: 'no right on a linked resource', status: 400, code: 'LinkedAuthorizationFailed', means: 'AZURE_DENIED' },
  { says: 'no valid token', status: 401, code: 'InvalidAuthenticationToken', means: 'AZURE_DENIED' },
  { says: 'nonsense from us', status: 400, code: 'InvalidParameter', means: 'INTERNAL' },
];

const NO_WAITING = { 'retry-after': '60' };

describe.each(SAMPLES)('an answer that says $says ($status $code)', ({ status, code, message = 'No.', means }) => {
  const body = { error: { code, message } };
  const clients = createAzureClients(testConfig(), testCredential, { httpClient: answering(status, body, NO_WAITING) });

  it(`means ${means} through the compute client`, async () => {
    const error = await clients.compute().virtualMachineScaleSets.get('group', 'agents').catch(toAppError);
    expect(error).toMatchObject({ code: means, message: `${code}: ${message}` });
  });

  it(`means ${means} through the resources client`, async () => {
    const error = await clients.resources().resourceGroups.get('group').catch(toAppError);
    expect(error).toMatchObject({ code: means, message: `${code}: ${message}` });
  });
});

it('reads the code of a table service error', async () => {
  const body = { 'odata.error': { code: 'TooManyRequests', message: { lang: 'en-US', value: 'Slow down.' } } };
  const clients = createAzureClients(testConfig(), testCredential, { httpClient: answering(429, body, NO_WAITING) });
  const error = await clients.table('StarlingNodes').getEntity('a', 'b').catch(toAppError);
  expect(error).toMatchObject({ code: 'AZURE_UNAVAILABLE', retryAfterMs: 60_000 });
  expect((error as AppError).message).toContain('TooManyRequests');
});

it('passes on how long Azure asks to wait', async () => {
  const httpClient = answering(429, { error: { code: 'TooManyRequests', message: 'No.' } }, { 'retry-after': '37' });
  const clients = createAzureClients(testConfig(), testCredential, { httpClient });
  const error = await clients.compute().virtualMachineScaleSets.get('group', 'agents').catch(toAppError);
  expect(error).toMatchObject({ code: 'AZURE_UNAVAILABLE', retryAfterMs: 37_000 });
  expect(httpClient.requests).toHaveLength(1);
});

it('tries again twice when Azure asks for a moment only', async () => {
  const body = { error: { code: 'ServiceUnavailable', message: 'No.' } };
  const httpClient = answering(503, body, { 'retry-after-ms': '1' });
  const clients = createAzureClients(testConfig(), testCredential, { httpClient });
  await clients.resources().resourceGroups.get('group').catch(toAppError);
  expect(httpClient.requests).toHaveLength(3);
});

describe('nested errors', () => {
  const inMessage = JSON.stringify({
    status: 'Failed',
    error: {
      code: 'ResourceDeploymentFailure',
      message: 'The resource operation completed with terminal provisioning state Failed.',
      details: [{ code: 'AllocationFailed', message: 'Allocation failed. We do not have sufficient capacity.' }],
    },
  });
  const deployment = (details: unknown[]) => ({
    error: { code: 'DeploymentFailed', message: 'At least one resource deployment operation failed.', details },
  });

  it('are searched through details and through JSON inside messages', () => {
    expect(deepestError(deployment([{ code: 'Conflict', message: inMessage }]))?.code).toBe('AllocationFailed');
  });

  it('name quota before whatever else failed beside it', () => {
    const details = [
      { code: 'InvalidResourceReference', message: 'Because the other one failed.' },
      { code: 'BadRequest', message: JSON.stringify({ error: { code: 'QuotaExceeded', message: 'None left.' } }) },
    ];
    expect(deepestError(deployment(details))).toEqual({ code: 'QuotaExceeded', message: 'None left.' });
  });

  it('give their wrapper when nothing else is known', () => {
    expect(deepestError(deployment([]))?.code).toBe('DeploymentFailed');
  });

  it('end, however deep somebody nests them', () => {
    let body: Record<string, unknown> = { code: 'Innermost', message: '' };
    for (let depth = 0; depth < 50; depth += 1) body = { code: 'Outer', message: '', details: [body] };
    expect(deepestError(body)?.code).toBe('Outer');
  });

  it.each([undefined, null, 'text', 42, [], {}, { error: 'text' }])('are absent in %j', (body) => {
    expect(deepestError(body)).toBeUndefined();
  });
});

describe('what is thrown and what is returned', () => {
  const quota = new RestError('No.', { statusCode: 409, code: 'QuotaExceeded' });
  const denied = new RestError('No.', { statusCode: 403, code: 'AuthorizationFailed' });
  const unknown = new RestError('No.', { statusCode: 400, code: 'InvalidTemplate' });
  const bug = new TypeError('x is not a function');

  it('an expected no is returned', () => {
    expect(toRefusal(quota)).toEqual({ ok: false, code: 'QUOTA_EXCEEDED', message: 'QuotaExceeded: No.' });
  });

  it('what nobody expects is thrown', () => {
    expect(() => toRefusal(denied)).toThrow(expect.objectContaining({ code: 'AZURE_DENIED' }));
    expect(() => toRefusal(unknown)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('a step may say what an unknown refusal means there', () => {
    expect(toRefusal(unknown, 'DEPLOYMENT_FAILED')).toMatchObject({ ok: false, code: 'DEPLOYMENT_FAILED' });
    expect(() => toRefusal(denied, 'DEPLOYMENT_FAILED')).toThrow(expect.objectContaining({ code: 'AZURE_DENIED' }));
  });

  it('a bug of ours stays what it is', () => {
    expect(() => toRefusal(bug, 'DEPLOYMENT_FAILED')).toThrow(bug);
    expect(toAppError(bug)).toBe(bug);
    expect(readFailure('text')).toBeUndefined();
  });

  it('an error that was translated already is not translated again', () => {
    const translated = new AppError('ENGINE_UNREACHABLE', 'gone');
    expect(toAppError(translated)).toBe(translated);
    expect(() => toRefusal(translated)).toThrow(translated);
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'REQUEST_SEND_ERROR'])(
    '%s is trouble on the way',
    (code) => {
      expect(isNetworkCode(code)).toBe(true);
      expect(toAppError(new RestError('no route', { code }))).toMatchObject({ code: 'AZURE_UNAVAILABLE' });
    },
  );

  it('a missing identity is a denial', () => {
    const error = Object.assign(new Error('no identity'), { name: 'CredentialUnavailableError' });
    expect(toAppError(error)).toMatchObject({ code: 'AZURE_DENIED' });
  });
});

it('knows no meaning for what the table does not name', () => {
  expect(meaningOf({ status: 404, code: 'ResourceNotFound', message: '' })).toBeUndefined();
});

describe('the delay that a server asks for', () => {
  const headers = (values: Record<string, string>) => ({ get: (name: string) => values[name] });

  it('is read from seconds, milliseconds and dates', () => {
    expect(readRetryAfterMs(headers({ 'retry-after': '12' }))).toBe(12_000);
    expect(readRetryAfterMs(headers({ 'x-ms-retry-after-ms': '250', 'retry-after': '1' }))).toBe(250);
    const soon = readRetryAfterMs(headers({ 'retry-after': new Date(Date.now() + 30_000).toUTCString() }));
    expect(soon).toBeGreaterThan(25_000);
    expect(soon).toBeLessThanOrEqual(30_000);
  });

  it('is never negative, and absent when it cannot be read', () => {
    expect(readRetryAfterMs(headers({ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }))).toBe(0);
    expect(readRetryAfterMs(headers({ 'retry-after': 'soon' }))).toBeUndefined();
    expect(readRetryAfterMs(headers({}))).toBeUndefined();
  });
});
