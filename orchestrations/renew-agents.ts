import type { RenewInput, RenewResult } from './contracts';
import { inputOf, type OrchestrationContext, type Workflow } from './durable';

/** Not written yet. */
 
export function* renewAgents(context: OrchestrationContext): Workflow<RenewResult> {
  const { vmIds } = inputOf<RenewInput>(context);
  return { done: [], left: vmIds, blocked: [] };
}
