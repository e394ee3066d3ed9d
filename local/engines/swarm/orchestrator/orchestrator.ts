import type { Clock } from '../../../clock';
import type { Scheduler } from '../../../scheduler';
import { meets } from '../constraints';
import type { SwarmState } from '../state';
import { runTask } from './agents';
import { enter, isInvalid, isOver, isWanted, type Pass } from './pass';
import { assignTasks } from './placement';
import { startWhenDue } from './restarts';
import { keepService, reap } from './services';

/**
 * The leader's orchestrators and scheduler, and the agents of all nodes, as one pass per swarm that runs when something
 * changed, and again when time alone will change something: no timer per task.
 */
export interface Orchestrator {
  /** Asks for a pass soon; many requests become one pass. */
  changed(swarmId: string): void;
  /** The node has been down for too long: what ran there is not waited for any more. */
  orphan(swarmId: string, nodeId: string): void;
}

const PASS_DELAY_MS = 500;
const HISTORY_LIMIT = 5; // Docker's default

interface Dependencies {
  state: SwarmState;
  clock: Clock;
  scheduler: Scheduler;
}

export function createOrchestrator({ state, clock, scheduler }: Dependencies): Orchestrator {
  const soon = new Set<string>();
  const passAt = (swarmId: string, at: number): void =>
    scheduler.schedule('swarm-pass', swarmId, Math.max(at, clock.now() + PASS_DELAY_MS), swarmId);
  const changed = (swarmId: string): void => {
    if (soon.has(swarmId)) return;
    soon.add(swarmId);
    passAt(swarmId, 0);
  };
  const passOf = (swarmId: string, wakeAt: (at: number) => void): Pass => {
    const objects = state.objects(swarmId);
    return {
      objects,
      now: clock.now(),
      nodes: new Map(objects.nodes.list().map((node) => [node.ID, node])),
      tasks: new Map(objects.tasks.list().map((task) => [task.ID, task])),
      runOf: (node) => state.daemonOf(node)?.run,
      wakeAt,
    };
  };

  scheduler.on<string>('swarm-pass', (swarmId) => {
    soon.delete(swarmId);
    const swarm = state.swarm(swarmId);
    if (!swarm?.leader) return; // asked for again by whoever leads next
    let wakeAt = Infinity;
    const pass = passOf(swarmId, (at) => (wakeAt = Math.min(wakeAt, at)));
    const before = pass.objects.revision();
    run(pass, swarm.Spec.Orchestration.TaskHistoryRetentionLimit ?? HISTORY_LIMIT);
    // What one part wrote the next one reads in the next pass.
    if (pass.objects.revision() !== before) changed(swarmId);
    else if (Number.isFinite(wakeAt) && !soon.has(swarmId)) passAt(swarmId, wakeAt);
  });

  return {
    changed,
    orphan(swarmId, nodeId) {
      const pass = passOf(swarmId, () => undefined);
      for (const task of pass.tasks.values())
        if (task.NodeID === nodeId && !isOver(task))
          enter(pass, task, { State: 'orphaned', Message: 'node has been down for too long' });
    },
  };
}

function run(pass: Pass, historyLimit: number): void {
  for (const task of pass.tasks.values()) runTask(pass, task);
  enforceConstraints(pass);
  const services = new Map(pass.objects.services.list().map((service) => [service.ID, service]));
  for (const service of services.values()) keepService(pass, service);
  for (const task of pass.tasks.values()) startWhenDue(pass, task);
  assignTasks(pass, services);
  reap(pass, services, historyLimit);
}

/** swarmkit `constraintenforcer`: a task whose node was given other labels may not stay. */
function enforceConstraints(pass: Pass): void {
  for (const task of pass.tasks.values()) {
    const node = pass.nodes.get(task.NodeID ?? '');
    const constraints = task.Spec.Placement?.Constraints;
    if (!constraints?.length || !node || isInvalid(node) || !isWanted(task) || isOver(task)) continue;
    if (meets(node, constraints)) continue;
    const Err = 'assigned node no longer meets constraints';
    enter(pass, task, { State: 'rejected', Message: 'task rejected by constraint enforcer', Err });
  }
}
