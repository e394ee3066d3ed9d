import { AppError, refuse, type Outcome } from '../model/errors';
import type { Begun, LongRunning } from '../ports';
import type { ArmResponse, AzureClients } from './clients';
import { describe, failureOf, isStatus, meaningOf, toAppError, toRefusal, type AzureFailure } from './errors';

/** The part of the SDK's poller that begins an operation. Polling is done here: see `poll`. */
export interface SdkPoller {
  submitted(): Promise<void>;
  serialize(): Promise<string>;
}

/** What `Begun.poller` holds: where Azure tells how each batch fares. Empty when all was done at once. */
interface PollerText {
  operations: string[];
}

/** Compute asks for 10 to 60 s by header; without one this keeps within its 15 operation reads a minute. */
const DEFAULT_POLL_MS = 10_000;

/** Waits only until Azure accepted or refused: an SDK poller that nobody awaits ends the process when it fails. */
export async function begin(...submit: (() => SdkPoller)[]): Promise<Outcome<Begun>> {
  const operations: string[] = [];
  for (const start of submit) {
    try {
      const poller = start();
      await poller.submitted();
      const { operation } = readPlaces(await poller.serialize());
      if (operation) operations.push(operation);
    } catch (error) {
      return toRefusal(error);
    }
  }
  return { ok: true, poller: JSON.stringify({ operations } satisfies PollerText) };
}

/** `begin` for one machine: what is not there needs nothing done to it. */
export async function beginIfThere(submit: () => SdkPoller): Promise<Outcome<Begun>> {
  try {
    return await begin(submit);
  } catch (error) {
    if (error instanceof AppError && isStatus(error.cause, 404)) return nothingToWaitFor();
    throw error;
  }
}

export const nothingToWaitFor = (): Outcome<Begun> => ({
  ok: true,
  poller: JSON.stringify({ operations: [] } satisfies PollerText),
});

/** Where Azure tells of an operation, and of its result. Out of the SDK's own serialisation (core-lro 3); empty when it finished at once. */
export function readPlaces(serialized: string): { operation?: string; result?: string } {
  const { state } = JSON.parse(serialized) as {
    state: { status: string; config?: { operationLocation?: string; resourceLocation?: string } };
  };
  if (state.status !== 'running') return {};
  return { operation: state.config?.operationLocation, result: state.config?.resourceLocation };
}

/**
 * The latest batch ends last as a rule, so it is asked first, and the others not before it is done: a scale set bears 15
 * reads of operations a minute, and a large deletion has ten. The SDK's `restorePoller` is not used: one transport error
 * marks its poller failed for good, and a failed operation comes back as text without Azure's code (facts 3.2).
 */
export async function poll(clients: AzureClients, poller: string): Promise<LongRunning> {
  const { operations } = JSON.parse(poller) as PollerText;
  for (const url of [...operations].reverse()) {
    const { state } = await readProgress(clients, url);
    if (state.state !== 'succeeded') return state;
  }
  return { state: 'succeeded' };
}

/** One read of an operation: how it stands, and what Azure said. */
export async function readProgress(clients: AzureClients, url: string): Promise<{ state: LongRunning; body: unknown }> {
  let answer: ArmResponse;
  try {
    answer = await clients.sendArm({ method: 'GET', url });
  } catch (error) {
    throw toAppError(error);
  }
  return { state: stateOf(answer, url), body: answer.body };
}

function stateOf(answer: ArmResponse, url: string): LongRunning {
  const running: LongRunning = { state: 'running', retryAfterMs: answer.retryAfterMs ?? DEFAULT_POLL_MS };
  if (answer.status === 404) return forgotten(url);
  if (answer.status >= 400) return failedRead(answer);
  const status = statusText(answer.body);
  if (/^(failed|cancell?ed)$/i.test(status)) return failedState(failureOf(0, answer.body), status);
  if (/^succeeded$/i.test(status)) return { state: 'succeeded' };
  if (status === '') return answer.status === 202 ? running : { state: 'succeeded' };
  return running;
}

/** `{"status":"InProgress"}` of an Azure-AsyncOperation; a Location answers 202 without one until it is done. */
function statusText(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('status' in body)) return '';
  return typeof body.status === 'string' ? body.status : '';
}

/** Azure keeps operations for about a day. What became of it can only be seen in the listing. */
const forgotten = (url: string): LongRunning => ({
  state: 'failed',
  code: 'SCALE_SET_CONFLICT',
  message: `Azure no longer knows the operation ${new URL(url).pathname.split('/').pop() ?? ''}`,
});

/** A 4xx on the operation's URL is the outcome of the operation, unless it says that the reading itself was refused. */
function failedRead(answer: ArmResponse): LongRunning {
  const failure = failureOf(answer.status, answer.body, answer.retryAfterMs);
  const meaning = meaningOf(failure);
  if (!meaning || meaning.expected) return failedState(failure, '');
  throw new AppError(meaning.code, describe(failure), { retryAfterMs: answer.retryAfterMs });
}

function failedState(failure: AzureFailure, status: string): LongRunning {
  const code = meaningOf(failure)?.code;
  const message = failure.code || !status ? describe(failure) : `${status}: ${failure.message}`;
  if (code === 'QUOTA_EXCEEDED' || code === 'CAPACITY_UNAVAILABLE' || code === 'SCALE_SET_CONFLICT') {
    return { state: 'failed', code, message };
  }
  return { state: 'failed', code: 'DEPLOYMENT_FAILED', message };
}

/** For callers that found out by themselves that the scale set is another one than they read. */
export const conflict = (message: string): Outcome<Begun> => refuse('SCALE_SET_CONFLICT', message);
