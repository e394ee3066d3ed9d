import { ERRORS, type ErrorCode } from '../shared/model/errors';
import { activities, type Ending, type OperationInput } from './contracts';
import { call, type OrchestrationContext, type Workflow } from './durable';

/** Thrown inside an operation to end it; carries how. */
export class OperationEnd extends Error {
  constructor(readonly ending: Omit<Ending, 'cluster' | 'operationId'>) {
    super(ending.error?.message ?? ending.state);
  }
}

/** Publishes how far the operation is; ends it here when the operator has asked for that: this is a safe point. */
export function* publish(
  context: OrchestrationContext,
  { operationId }: OperationInput,
  phase: string,
  progress: { done: number; total: number; unit: string },
): Workflow<void> {
  const { cancelRequested } = yield* call(context, activities.reportProgress, { operationId, phase, progress });
  if (cancelRequested) {
    const message = `cancelled while ${phase}`;
    throw new OperationEnd({
      state: 'cancelled',
      error: { code: 'CANCELLED', message },
      phaseReason: message,
    });
  }
}

/** Runs the body and writes down how it ended, whatever happened in it: every started operation ends. */
export function* carryOut<I extends OperationInput>(
  context: OrchestrationContext,
  input: I,
  body: (context: OrchestrationContext, input: I) => Workflow<Omit<Ending, 'cluster' | 'operationId'>>,
): Workflow<void> {
  const { cluster, operationId } = input;
  let ending: Omit<Ending, 'cluster' | 'operationId'>;
  try {
    ending = yield* body(context, input);
  } catch (error) {
    ending = error instanceof OperationEnd ? error.ending : crashed(error);
  }
  if (ending.error?.code === 'CANCELLED') ending = { ...ending, state: 'cancelled' }; // an activity found itself pre-empted
  yield* call(context, activities.finishOperation, { cluster, operationId, ...ending });
}

/** Durable keeps of an error only its text, into which the activity has put the code. */
const CODED = new RegExp(`\\b(${Object.keys(ERRORS).join('|')}): ([^\\n]*)`);

function crashed(error: unknown): Omit<Ending, 'cluster' | 'operationId'> {
  const text = error instanceof Error ? error.message : String(error);
  const [, code = 'INTERNAL', said] = CODED.exec(text) ?? [];
  // Only the first line: behind it come stacks, which belong to the log.
  const message = (said ?? text.split('\n')[0] ?? '').trim().slice(0, 300);
  return {
    state: 'failed',
    error: { code: code as ErrorCode, message },
    phaseReason: said ? message : 'the last operation failed',
  };
}
