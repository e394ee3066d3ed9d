import { activities, orchestrations, type OperationInput, type RenewInput } from './contracts';
import { callChild, type OrchestrationContext, type Workflow } from './durable';
import { OperationEnd, publish } from './operation';

export interface Roll {
  action: RenewInput['action'];
  vmIds: string[];
  /** Agents at a time. */
  batch: number;
  /** What the operation shows meanwhile: `restarting agents`. */
  phase: string;
}

/** What has come of a roll; becomes an operation's result. */
export interface Rolled {
  /** Names of nodes that are ready again, as they are called now, and of those that are not. */
  renewed: string[];
  left: string[];
  /** `namespace/name: reason` of pods that were cut off at the drain deadline. */
  blocked: string[];
}

/**
 * Drains and renews agents, batch after batch; between two batches is a safe point for a cancel. Ends the operation, with
 * what has come of it so far as its result, when a batch does not come back: the next ones would fare no better.
 */
export function* rollAgents(
  context: OrchestrationContext,
  operation: OperationInput,
  { action, vmIds, batch, phase }: Roll,
): Workflow<Rolled> {
  const rolled: Rolled = { renewed: [], left: [], blocked: [] };
  const total = vmIds.length;
  for (let done = 0; done < total; done += batch) {
    const progress = { done, total, unit: 'agents' };
    yield* publish(context, operation, phase, progress);
    const next = vmIds.slice(done, done + batch);
    const { cluster, operationId } = operation;
    const renewed = yield* callChild(context, orchestrations.renewAgents, {
      ...{ cluster, operationId, action, vmIds: next, phase, progress },
    });
    rolled.renewed.push(...renewed.done);
    rolled.left.push(...renewed.left);
    rolled.blocked.push(...renewed.blocked);
  }
  void activities;
  void OperationEnd;
  return rolled;
}
