import type { RepairInput } from './contracts';
import { inputOf, type OrchestrationContext, type Workflow } from './durable';
import { carryOut } from './operation';

/** Not written yet. */
export function* repairMaster(context: OrchestrationContext): Workflow<void> {
   
  yield* carryOut(context, inputOf<RepairInput>(context), function* () {
    return { state: 'failed', error: { code: 'UNSUPPORTED_CHANGE', message: 'not written yet' } };
  });
}
