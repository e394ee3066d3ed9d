import { HaltSchema, presentOperation } from '../shared/api';
import { AppError } from '../shared/model/errors';
import { clusterOfOperation, type OperationRecord } from '../shared/model/operation';
import type { z } from 'zod';
import type { Call, Reply } from './respond';
import { started } from './begin';

async function requireOperation({ world, params }: Call): Promise<{ record: OperationRecord; etag: string }> {
  const id = params['id'] ?? '';
  const found = /^[a-z0-9.-]{1,120}$/.test(id) ? await world.operations.get(id) : undefined;
  if (!found) throw new AppError('OPERATION_NOT_FOUND', `there is no operation ${id.slice(0, 120)}`);
  return found;
}

export async function getOperation(call: Call): Promise<Reply> {
  return { status: 200, body: presentOperation((await requireOperation(call)).record) };
}

/** The operation writes its own row every few seconds: losing to it twice is rare. */
const CANCEL_ATTEMPTS = 10;

/** Asks the operation to stop at its next safe point; one that has ended stays as it is. A destroy is not cancelled. */
export async function cancelOperation(call: Call): Promise<Reply> {
  for (let attempt = 0; attempt < CANCEL_ATTEMPTS; attempt++) {
    const reply = await tryToCancel(call);
    if (reply) return reply;
  }
  throw new AppError('AZURE_UNAVAILABLE', 'the operation moved on meanwhile; send the request again', {
    retryAfterMs: 1000,
  });
}

/** Undefined when the operation wrote its row first. */
async function tryToCancel(call: Call): Promise<Reply | undefined> {
  const { record, etag } = await requireOperation(call);
  if (record.state !== 'running') return { status: 200, body: presentOperation(record) };
  if (record.verb === 'destroy')
    throw new AppError('OPERATION_IN_PROGRESS', 'a destroy cannot be cancelled; what it deleted is gone', {
      detail: { operation: record.id },
    });
  if (call.query['whatIf'] === 'true')
    return { status: 200, body: { whatIf: true, verb: 'cancel', would: [`stop ${record.id} at its next safe point`] } };
  const cancelled = { ...record, cancelRequested: true };
  if (!(await call.world.operations.replace(cancelled, etag))) return undefined;
  const now = new Date(call.world.clock.now()).toISOString();
  const cluster = clusterOfOperation(record.id);
  await call.world.events.append([
    {
      cluster,
      id: `${now}-${record.id}-cancel`,
      at: now,
      type: 'operation.cancelRequested',
      subject: record.id,
      cause: 'operator',
      message: 'cancellation asked for',
    },
  ]);
  return started(cancelled);
}

export async function getHalt({ world }: Call): Promise<Reply> {
  return { status: 200, body: await world.halt.read() };
}

export async function putHalt({ world, body, query }: Call<z.infer<typeof HaltSchema>>): Promise<Reply> {
  if (query['whatIf'] === 'true')
    return {
      status: 200,
      body: {
        whatIf: true,
        verb: 'halt',
        would: [body.halted ? 'stop repairs and chaos on all clusters' : 'let repairs and chaos run again'],
      },
    };
  const halt = { ...body, since: new Date(world.clock.now()).toISOString() };
  await world.halt.set(halt);
  return { status: 200, body: halt };
}
