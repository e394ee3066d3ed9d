import { orchestrations, type OperationInput, type RenewInput } from './contracts';
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
  const { cluster, operationId } = operation;
  for (let done = 0; done < vmIds.length; done += batch) {
    const progress = { done, total: vmIds.length, unit: 'agents' };
    yield* publish(context, operation, phase, progress);
    const input = { cluster, operationId, action, phase, progress, vmIds: vmIds.slice(done, done + batch) };
    const result = yield* callChild(context, orchestrations.renewAgents, input);
    const named = (ids: string[]): string[] => ids.map((vmId) => result.names?.[vmId] ?? vmId);
    rolled.renewed.push(...named(result.done));
    rolled.left.push(...named(result.left));
    rolled.blocked.push(...result.blocked);
    const { problem } = result;
    const error = problem && { code: problem.code, message: problem.message };
    if (error)
      throw new OperationEnd({
        state: 'failed',
        error,
        result: rolled,
        phase: 'degraded',
        phaseReason: error.message,
      });
  }
  return rolled;
}
