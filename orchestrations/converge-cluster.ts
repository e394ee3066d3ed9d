import type { ConvergeInput } from './contracts';
import { inputOf, type OrchestrationContext, type Workflow } from './durable';
import { carryOut } from './operation';

/** Not written yet. */
export function* convergeCluster(context: OrchestrationContext): Workflow<void> {
   
  yield* carryOut(context, inputOf<ConvergeInput>(context), function* () {
    return { state: 'failed', error: { code: 'UNSUPPORTED_CHANGE', message: 'not written yet' } };
  });
}
