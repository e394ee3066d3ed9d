import { activities, type DestroyInput, type Ending } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut, OperationEnd } from './operation';

const POLL_MS = 10_000;
/** Deleting a large scale set with its network takes up to an hour; after that somebody has to look. */
const DESTROY_DEADLINE_MS = 90 * 60_000;
/** That many looks take a minute. A step of the pre-empted operation, which may be making a group, is over by then. */
const LOOKS_AFTER_PREEMPTION = 7;
/** ARM's listings may show for some minutes what has been deleted: that many looks take five. */
const LOOKS_AT_LISTING = 30;

type EndingBody = Omit<Ending, 'cluster' | 'operationId'>;

/** Deletes the groups that Starling made, sees them gone, lists leftovers by tag, and issues the delete certificate. */
export function* destroyCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<DestroyInput>(context), destroy);
}

function* destroy(context: OrchestrationContext, input: DestroyInput): Workflow<EndingBody> {
  yield* waitUntilGone(context, input, input.preempted ? LOOKS_AFTER_PREEMPTION : 1);
  yield* waitUntilUnlisted(context, input);
  const { certificate } = yield* call(context, activities.forgetCluster, input);
  return { state: 'succeeded', result: { certificate }, phase: 'deleting' };
}

/** Asks anew at every turn: whatever a cancelled operation still brings to life is deleted as well. */
function* waitUntilGone(context: OrchestrationContext, input: DestroyInput, leastLooks: number): Workflow<void> {
  const deadline = now(context) + DESTROY_DEADLINE_MS;
  const total = input.storage === 'keep' ? 1 : 2;
  for (let looks = 1; ; looks++) {
    const { pending, foreign } = yield* call(context, activities.deleteGroups, input);
    if (foreign.length > 0) throw left(foreign.map((group) => `${group} (not made by Starling)`));
    const progress = { done: total - pending.length, total, unit: 'resource groups' };
    yield* call(context, activities.reportProgress, { operationId: input.operationId, phase: 'deleting', progress });
    if (pending.length === 0 && looks >= leastLooks) return;
    if (now(context) > deadline) throw left(pending);
    yield* sleep(context, POLL_MS);
  }
}

function* waitUntilUnlisted(context: OrchestrationContext, input: DestroyInput): Workflow<void> {
  for (let looks = 1; ; looks++) {
    const { leftovers } = yield* call(context, activities.findLeftovers, input);
    if (leftovers.length === 0) return;
    if (looks >= LOOKS_AT_LISTING) throw left(leftovers);
    yield* sleep(context, POLL_MS);
    yield* waitUntilGone(context, input, 1);
  }
}

const left = (what: string[]): OperationEnd => {
  const message = `still there: ${what.join(', ')}`;
  return new OperationEnd({
    state: 'failed',
    error: { code: 'LEFTOVERS', message },
    result: { leftovers: what },
    phase: 'failed',
    phaseReason: message,
  });
};
