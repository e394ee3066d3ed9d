import { carryThrough, type Problem } from './carry-through';
import { activities, type DoomedMaster, type Ending, type RepairInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { drainUntilDeadline } from './drain';
import { broken, observeMasters, refused, tell, waitForMasters } from './masters';
import { carryOut, publish } from './operation';
import { lookPauseMs } from './pace';

const POLL_MS = 10_000;
/** The engine's leader takes a member out within a minute, or does not. */
const MEMBER_DEADLINE_MS = 5 * 60_000;
/** Azure deletes a VM within minutes, and makes one within minutes. */
const MACHINE_DEADLINE_MS = 30 * 60_000;
const AGAIN = 'repair it again to go on from here';
const STEPS = 6;

type Body = Omit<Ending, 'cluster' | 'operationId'>;
interface Repair extends RepairInput {
  doomed: DoomedMaster;
}

/** Makes a lost master anew: drained, out of the quorum, deleted, deployed, joined. The others and all agents keep working. */
export function* repairMaster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<RepairInput>(context), repair);
}

function* repair(context: OrchestrationContext, input: RepairInput): Workflow<Body> {
  yield* publish(context, input, 'checking the quorum', progress(0));
  const planned = yield* call(context, activities.planMasterRepair, input);
  if (!planned.ok) throw refused(planned, yield* observeMasters(context, input));
  const removal = { ...input, doomed: planned.doomed };
  const blocked = yield* drain(context, removal);
  // From here on there is no way back: a master without a vote would only look like one.
  yield* say(context, input, 2, `taking ${input.name} out of the quorum`);
  yield* removeMember(context, removal);
  yield* say(context, input, 3, `deleting ${input.name}`);
  yield* removeMachine(context, removal);
  yield* say(context, input, 4, `deploying ${input.name}`);
  yield* deploy(context, input);
  const step = { phase: `waiting for ${input.name}`, progress: progress(5) };
  const isThere = ready(input.name);
  const absent = yield* waitForMasters(context, input, { step, isThere });
  if (absent) throw broken(absent, AGAIN);
  const { phase, phaseReason } = yield* observeMasters(context, input);
  return { state: 'succeeded', result: { master: input.name, blocked }, phase, phaseReason };
}

const progress = (done: number) => ({ done, total: STEPS, unit: 'steps' });
const say = (context: OrchestrationContext, input: RepairInput, done: number, phase: string): Workflow<void> =>
  tell(context, input, { phase, progress: progress(done) });

const ready =
  (name: string) =>
  ({ masters }: { masters: { name: string; ready: boolean }[] }): boolean =>
    masters.some((master) => master.name === name && master.ready);

function* orEnd(problem: Problem | undefined): Workflow<void> {
  if (problem) throw broken(problem, AGAIN);
}

/** The last safe point is behind it: who cancels meanwhile gets the master back as it was. */
function* drain(context: OrchestrationContext, removal: Repair): Workflow<string[]> {
  try {
    const { proceed, blocked } = yield* drainUntilDeadline(context, function* () {
      const pass = yield* call(context, activities.drainMaster, removal);
      const [held] = pass.blocked;
      yield* publish(context, removal, `draining ${removal.name}${held ? `: ${held}` : ''}`, progress(1));
      return pass;
    });
    if (!proceed) throw broken({ code: 'CANCELLED', message: 'another operation has taken over' });
    return blocked;
  } catch (error) {
    yield* call(context, activities.releaseMaster, removal);
    throw error;
  }
}

function* removeMember(context: OrchestrationContext, removal: Repair): Workflow<void> {
  const deadline = now(context) + MEMBER_DEADLINE_MS;
  for (;;) {
    const removed = yield* call(context, activities.removeMember, removal);
    if (!removed.ok) return yield* orEnd(removed);
    if (!removed.pending) break;
    if (now(context) > deadline) {
      const message = `the engine did not take ${removal.name} out of its quorum within 5 minutes`;
      return yield* orEnd({ code: 'DEADLINE_EXCEEDED', message });
    }
    yield* sleep(context, POLL_MS);
  }
  const outcome = yield* call(context, activities.removeMasterNodes, removal);
  if (!outcome.ok) yield* orEnd(outcome);
}

function* removeMachine(context: OrchestrationContext, removal: Repair): Workflow<void> {
  yield* orEnd(yield* carryThrough(context, () => call(context, activities.deleteMasterVm, removal)));
  const deadline = now(context) + MACHINE_DEADLINE_MS;
  for (;;) {
    const { gone, agents } = yield* call(context, activities.confirmMasterGone, removal);
    if (gone) return;
    if (now(context) > deadline) {
      const message = `Azure still lists ${removal.name} after 30 minutes`;
      return yield* orEnd({ code: 'DEADLINE_EXCEEDED', message });
    }
    yield* sleep(context, lookPauseMs(agents));
  }
}

function* deploy(context: OrchestrationContext, input: RepairInput): Workflow<void> {
  const submitted = yield* call(context, activities.submitMaster, input);
  if (!submitted.ok) return yield* orEnd(submitted);
  const deadline = now(context) + MACHINE_DEADLINE_MS;
  for (;;) {
    const polled = yield* call(context, activities.pollMaster, input);
    if (polled.state === 'succeeded') return;
    if (polled.state === 'failed') return yield* orEnd(polled);
    if (now(context) > deadline) {
      const message = `Azure did not deploy ${input.name} within 30 minutes`;
      return yield* orEnd({ code: 'DEADLINE_EXCEEDED', message });
    }
    yield* sleep(context, POLL_MS);
  }
}
