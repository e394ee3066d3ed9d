import type { ChaosVerdict } from '../shared/model/chaos';
import { haltReason } from '../shared/model/chaos-report';
import type { ErrorCode } from '../shared/model/errors';
import { JOIN_DEADLINE_MS } from '../shared/model/plan';
import {
  activities,
  type ChaosAim,
  type ChaosHealth,
  type ChaosInput,
  type ChaosPlan,
  type ChaosStep,
  type ChaosStrike,
  type ChaosVerdictWithReason,
  type Ending,
} from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { carryOut } from './operation';
import { lookPauseMs } from './pace';
import { keepUp } from './wait-for-agents';

/** A replacement may take as long as any new agent; what has not recovered by then has deviated. */
const RECOVERY_DEADLINE_MS = JOIN_DEADLINE_MS;
/** Somebody else's write on the scale set is over after five minutes, or the run says that it is not. */
const CONFLICT_PAUSE_MS = 10_000;
const CONFLICT_ATTEMPTS = 30;

type EndingBody = Omit<Ending, 'cluster' | 'operationId'>;

/** How a run ends, with what is known of the cluster then. */
interface Conclusion extends ChaosVerdictWithReason, Partial<ChaosHealth> {
  error?: { code: ErrorCode; message: string };
}

/** Strikes agents one after another and sees the cluster recover from each strike; stops at the first deviation. */
export function* runChaos(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<ChaosInput>(context), run);
}

function* run(context: OrchestrationContext, input: ChaosInput): Workflow<EndingBody> {
  const cancelled = yield* progress(context, input, 'looking at the cluster', { done: 0, total: 1, unit: 'victims' });
  const plan = yield* call(context, activities.planChaos, input);
  if (plan.verdict !== 'running') return endingOf(plan.step, plan);
  const conclusion = cancelled ?? (yield* safely(context, plan));
  yield* conclude(context, plan.step, conclusion);
  return endingOf(plan.step, conclusion);
}

/** A step that fails for good ends the operation, but leaves no report without its verdict. */
function* safely(context: OrchestrationContext, plan: ChaosPlan): Workflow<Conclusion> {
  try {
    return yield* strikeAll(context, plan);
  } catch (error) {
    yield* conclude(context, plan.step, { verdict: 'deviated', reason: 'the run broke off, see its operation' });
    throw error;
  }
}

function* strikeAll(context: OrchestrationContext, plan: ChaosPlan): Workflow<Conclusion> {
  const { step, vmIds, concurrency } = plan;
  let { health } = plan;
  let struck = 0;
  for (let start = 0; start < vmIds.length; start += concurrency) {
    const wave = vmIds.slice(start, start + concurrency);
    const done = { done: start, total: vmIds.length, unit: 'victims' };
    const cancelled = yield* progress(context, step, `${step.action} of agents`, done);
    if (cancelled) return { ...cancelled, health };
    const aim = yield* call(context, activities.aimChaos, { ...step, vmIds: wave });
    health = aim.health;
    if (aim.stop) return { ...deviation(aim.stop), health };
    if (aim.targets.length === 0) continue; // all of them were spared, and the report says why
    const strike = yield* strikeWave(context, step, aim.targets);
    if ('verdict' in strike) return { ...strike, health };
    const recovery = yield* recover(context, { plan, start, targets: hitOf(aim, strike), poller: strike.poller });
    health = recovery.health ?? health;
    if (recovery.verdict !== 'passed') return recovery;
    struck += strike.struck.length;
  }
  return struck > 0
    ? { verdict: 'passed', reason: '', health }
    : { verdict: 'skipped', reason: 'no victim could be struck any more', health };
}

const hitOf = ({ targets }: ChaosAim, { struck }: ChaosStrike): ChaosAim['targets'] =>
  targets.filter(({ vmId }) => struck.includes(vmId));

/** Tells how far the run is. This is a safe point: the one before has recovered, and the next is not struck yet. */
function* progress(
  context: OrchestrationContext,
  { operationId }: { operationId: string },
  phase: string,
  done: { done: number; total: number; unit: string },
): Workflow<Conclusion | undefined> {
  const told = yield* call(context, activities.reportProgress, { operationId, phase, progress: done });
  if (!told.cancelRequested) return undefined;
  const reason = `cancelled after ${done.done} of ${done.total} victims`;
  return { verdict: 'cancelled', reason, error: { code: 'CANCELLED', message: reason } };
}

/** What Azure refuses ends the run: a refusal says nothing of the cluster, but nothing can be learned from it either. */
function* strikeWave(
  context: OrchestrationContext,
  step: ChaosStep,
  targets: ChaosAim['targets'],
): Workflow<ChaosStrike | Conclusion> {
  for (let attempt = 1; ; attempt++) {
    const strike = yield* call(context, activities.strikeAgents, { ...step, targets });
    if (strike.ok) return strike.halted === undefined ? strike : halt(strike.halted);
    if (strike.code === 'CANCELLED') return { verdict: 'cancelled', reason: strike.message, error: strike };
    if (strike.code !== 'SCALE_SET_CONFLICT' || attempt >= CONFLICT_ATTEMPTS)
      return { verdict: 'skipped', reason: `Azure refused: ${strike.message}`, error: strike };
    yield* sleep(context, CONFLICT_PAUSE_MS);
  }
}

const halt = (reason: string): Conclusion => ({ verdict: 'halted', reason: haltReason(reason) });

interface Wave {
  plan: ChaosPlan;
  /** Victims before this wave. */
  start: number;
  targets: ChaosAim['targets'];
  poller: string | null;
}

/**
 * Waits until the victims have rejoined and the steady state holds. The reconcile gives way to this operation, so what it
 * would mend is mended here. Nobody cancels in between: that would leave the cluster half broken.
 */
function* recover(context: OrchestrationContext, wave: Wave): Workflow<Conclusion> {
  const { plan, start, targets } = wave;
  const { step } = plan;
  const deadline = now(context) + RECOVERY_DEADLINE_MS;
  let { poller } = wave;
  for (;;) {
    const watch = yield* call(context, activities.watchRecovery, { ...step, targets, poller });
    const done = { done: start + watch.back, total: plan.vmIds.length, unit: 'victims' };
    const { operationId } = step;
    yield* call(context, activities.reportProgress, { operationId, phase: 'waiting for recovery', progress: done });
    if (watch.recovered) return { verdict: 'passed', reason: '', health: watch.health };
    if (watch.halted !== undefined) return { ...halt(watch.halted), health: watch.health };
    if (now(context) > deadline) return { ...deviation(late(watch.missing)), health: watch.health };
    poller = watch.poller;
    // While Azure still works on the strike there is nothing to mend.
    if (poller === null) yield* keepUp(context, step, watch.view, watch.view.agents.desired);
    yield* sleep(context, lookPauseMs(watch.view.agents.total));
  }
}

const late = (missing: string): ChaosVerdictWithReason => ({
  verdict: 'deviated',
  reason: `not recovered within ${RECOVERY_DEADLINE_MS / 60_000} minutes: ${missing}`,
});

/** Only a deviation is a failure: whoever skips or halts a run has done as it should. */
const deviation = ({ verdict, reason }: ChaosVerdictWithReason): Conclusion =>
  verdict === 'deviated'
    ? { verdict, reason, error: { code: 'CHAOS_DEVIATED', message: reason } }
    : { verdict, reason };

function* conclude(
  context: OrchestrationContext,
  step: ChaosStep,
  { verdict, reason }: ChaosVerdictWithReason,
): Workflow<void> {
  yield* call(context, activities.concludeChaos, { ...step, verdict, reason });
}

const STATES: Partial<Record<ChaosVerdict, Ending['state']>> = { cancelled: 'cancelled', deviated: 'failed' };

function endingOf({ operationId }: ChaosStep, conclusion: Conclusion): EndingBody {
  const { verdict, reason, error, health } = conclusion;
  const state = STATES[verdict] ?? (error ? 'failed' : 'succeeded');
  const result = { report: operationId, verdict, ...(reason ? { reason } : {}) };
  return { state, result, ...(error && { error: { code: error.code, message: error.message } }), ...health };
}
