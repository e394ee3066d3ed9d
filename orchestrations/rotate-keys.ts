import { refuse, type Refusal } from '../shared/model/errors';
import { SECRET_AGE_MS } from '../shared/model/names';
import { carryThrough, type Problem } from './carry-through';
import { activities, type Ending, type OperationInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { broken, command, observeMasters, refused, tell } from './masters';
import { carryOut, publish } from './operation';

const AGAIN = 'rotate again';
const POLL_MS = 10_000;
/** All instances of the app know the new secret by then, and the clocks of none are far off. */
const KNOWN_EVERYWHERE_MS = SECRET_AGE_MS + 5_000;
/** A master reports at once; the engine takes a moment over a new token. */
const CREDENTIAL_DEADLINE_MS = 5 * 60_000;
const STEPS = 3;

type Body = Omit<Ending, 'cluster' | 'operationId'>;

/** Makes worthless what may have been seen: tickets that were not used, the key behind them, Starling's own credential. */
export function* rotateKeys(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<OperationInput>(context), rotate);
}

function* rotate(context: OrchestrationContext, { cluster, operationId }: OperationInput): Workflow<Body> {
  const operation = { cluster, operationId };
  yield* publish(context, operation, 'looking for a master that is ready', progress(0));
  const view = yield* observeMasters(context, operation);
  const master = view.masters.find(({ ready }) => ready);
  if (!master) throw refused(refuse('ENGINE_UNREACHABLE', 'no master is ready'), view);
  const revoked = yield* rotateJoinKey(context, operation);
  yield* publish(context, operation, 'making a new credential for Starling', progress(2));
  for (const name of view.keyHolders ?? [master.name]) yield* rotateCredential(context, operation, name);
  const { phase, phaseReason } = yield* observeMasters(context, operation);
  return { state: 'succeeded', result: { joinKey: 'rotated', credential: 'rotated', revoked }, phase, phaseReason };
}

const progress = (done: number) => ({ done, total: STEPS, unit: 'steps' });

/** The names of the old tokens are noted first: they cannot be derived any more afterwards. Returns how many tickets ended. */
function* rotateJoinKey(context: OrchestrationContext, operation: OperationInput): Workflow<number> {
  yield* tell(context, operation, { phase: 'making a new key for join tokens', progress: progress(0) });
  const { ids } = yield* call(context, activities.listWaitingTokens, operation);
  const rotated = yield* call(context, activities.rotateJoinKey, operation);
  if (!rotated.ok) throw ended(rotated);
  yield* sleep(context, KNOWN_EVERYWHERE_MS);
  yield* tell(context, operation, { phase: 'ending tickets of the old key', progress: progress(1) });
  const revoked = yield* call(context, activities.revokeWaitingTokens, { ...operation, ids });
  if (!revoked.ok) throw ended(revoked);
  const input = { ...operation, vmIds: revoked.vmIds };
  const problem = yield* carryThrough(context, () => call(context, activities.restartWaiting, input));
  if (problem) throw ended(problem);
  return revoked.vmIds.length;
}

function* rotateCredential(context: OrchestrationContext, operation: OperationInput, name: string): Workflow<void> {
  const { cluster } = operation;
  const { mark: before } = yield* call(context, activities.markCredential, { cluster });
  const failed = yield* command(context, operation, { name, command: { kind: 'rotate' } });
  if (failed) throw ended(failed);
  yield* sleep(context, KNOWN_EVERYWHERE_MS);
  const deadline = now(context) + CREDENTIAL_DEADLINE_MS;
  for (;;) {
    const { changed, answers } = yield* call(context, activities.checkCredential, { cluster, before });
    if (changed && answers) return;
    if (now(context) > deadline) {
      const message = changed
        ? 'the engine does not answer to the new credential'
        : `${name} has not reported a new credential`;
      throw ended({ code: 'COMMAND_FAILED', message });
    }
    yield* sleep(context, POLL_MS);
  }
}

const ended = (problem: Problem | Refusal) => broken(problem, AGAIN);
