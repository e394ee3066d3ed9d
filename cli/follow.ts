import type { z } from 'zod';
import type { OperationSchema } from '../shared/api';
import { EXIT } from './exit-codes';
import { Failure } from './failure';
import { nextStep } from './next-steps';
import { createProgress, type Progress } from './output/progress';
import type { Session } from './session';

export type Operation = z.output<typeof OperationSchema>;

/** A Starling on this machine is asked often; one in Azure pays for each question. */
const POLL_LOCAL_MS = 250;
const POLL_REMOTE_MS = 2000;
/** An app that is being deployed again, or scales out, is away for less than this. */
const PATIENCE_MS = 120_000;

/** Shows the operations until all have ended, in the order given. Ctrl-C leaves them running and says how to go on. */
export async function follow(session: Session, ids: string[]): Promise<Operation[]> {
  void session.interrupted; // from here on Ctrl-C is heeded instead of ending the process
  const progress = createProgress(session.terminal, session.now);
  try {
    return await Promise.all(ids.map((id) => followOne(session, id, progress)));
  } finally {
    progress.stop();
  }
}

async function followOne(session: Session, id: string, progress: Progress): Promise<Operation> {
  const pause = session.client().isLocal ? POLL_LOCAL_MS : POLL_REMOTE_MS;
  for (;;) {
    const operation = await look(session, id, progress);
    progress.show(operation);
    if (operation.state !== 'running') return operation;
    await session.sleep(pause);
    if (session.interrupted.aborted) throw leftRunning(id);
  }
}

/** Nobody answering for a while is no reason to give up: the operation goes on in Starling. */
async function look(session: Session, id: string, progress: Progress): Promise<Operation> {
  const giveUpAt = session.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return (await session.client().call('getOperation', { params: { id } })).body;
    } catch (error) {
      if (!isPassing(error) || session.now() > giveUpAt) throw error;
      if (attempt === 0) progress.note(`${error.message}; the operation goes on, asking again`);
      await session.sleep(POLL_REMOTE_MS);
      if (session.interrupted.aborted) throw leftRunning(id);
    }
  }
}

const isPassing = (error: unknown): error is Failure => error instanceof Failure && error.exitCode === EXIT.unavailable;

const leftRunning = (id: string): Failure =>
  new Failure(
    'INTERRUPTED',
    `${id} goes on without you`,
    `starling operations wait ${id}, or starling operations cancel ${id}`,
    EXIT.interrupted,
  );

/** What an operation that did not succeed means for the process; undefined for one that did. */
export function failureOf({ id, state, verb, error }: Operation): Failure | undefined {
  if (state === 'succeeded') return undefined;
  const code = error?.code ?? (state === 'cancelled' ? 'CANCELLED' : 'INTERNAL');
  const message = `${verb} ${state}: ${error?.message ?? 'no reason was noted'}`;
  return new Failure(code, message, `${nextStep({ code, status: 409 })} (starling operations show ${id})`, EXIT.failed);
}
