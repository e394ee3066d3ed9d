import type { OrchestrationTurn, TurnAnswer } from '../worker/protocol';
import type { Engine } from './engine';
import { fullHistory } from './history';
import type { Instance } from './records';
import type { Session } from './session';
import type { TurnPlan } from './turn-plan';
import { poisonMessage, untilPoison } from './until-poison';

export type Replayed = Extract<TurnAnswer, { kind: 'replayed' }> & { poison?: { deaths: number; reason: string } };

/** Lets the worker replay the orchestrator over its history and this turn's events; undefined when the host is stopping. */
export async function replay(
  engine: Engine,
  session: Session,
  instance: Instance,
  plan: TurnPlan,
): Promise<Replayed | undefined> {
  const { store } = engine;
  const outcome = await untilPoison(engine, {
    kind: 'orchestrator',
    deaths: instance.deaths,
    saveDeaths: async (deaths) => {
      session.instance.deaths = deaths;
      await store.commit(() => store.saveInstance(session.instance));
    },
    run: () => runTurn(engine, session, instance, plan),
  });
  if (outcome.kind === 'stopped') return undefined;
  instance.deaths = 0;
  if (outcome.kind === 'done') return outcome.value;
  const message = poisonMessage('Orchestrator', instance.name, outcome.deaths, outcome.reason);
  engine.log('critical', instance.name, message);
  const { deaths, reason } = outcome;
  return { ...failed(plan, message), poison: { deaths, reason } };
}

async function runTurn(engine: Engine, session: Session, instance: Instance, plan: TurnPlan): Promise<Replayed> {
  const {
    name: functionName,
    id: instanceId,
    executionId,
    parentId: parentInstanceId,
    input,
    replayedEvents,
  } = instance;
  const turn: OrchestrationTurn = {
    functionName,
    instanceId,
    executionId,
    parentInstanceId,
    input,
    turn: instance.turns,
    base: replayedEvents - session.unsent.length,
    events: [...session.unsent, ...plan.received],
    nextId: plan.nextTaskId,
  };
  let answer = await engine.worker.orchestrate(turn);
  if (answer.kind === 'miss') {
    const full = fullHistory(engine.store.history(instanceId));
    answer = await engine.worker.orchestrate({ ...turn, base: replayedEvents, events: plan.received, full });
  }
  if (answer.kind === 'miss')
    throw new Error(`The history of ${instanceId} is incomplete: ${replayedEvents} events were expected.`);
  return answer;
}

function failed(plan: TurnPlan, message: string): Replayed {
  const error = { message, final: true };
  return {
    kind: 'replayed',
    actions: [],
    cancelledTimers: [],
    nextId: plan.nextTaskId,
    isDone: false,
    output: null,
    error,
  };
}
