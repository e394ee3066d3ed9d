import type { NewAction } from '../worker/protocol';
import type { Call, Instance } from './records';
import { firstAttempt } from './retry';
import type { TurnPlan } from './turn-plan';

/** Plans what the replay newly asked for, in the order of the ids. */
export function applyActions(actions: readonly NewAction[], instance: Instance, plan: TurnPlan): void {
  for (const action of actions) applyAction(action, instance, plan);
}

function applyAction(action: NewAction, instance: Instance, plan: TurnPlan): void {
  switch (action.kind) {
    case 'activity':
    case 'orchestration': {
      const { kind, name, input, retry } = action;
      const call: Call = { kind, name, input };
      if (action.kind === 'orchestration')
        Object.assign(call, { instanceId: action.instanceId, version: action.version });
      return plan.call(action.id, call, retry ? firstAttempt(call, retry, plan.now) : null);
    }
    case 'timer':
      return plan.timer(action.id, action.fireAt, { cancelled: action.cancelled });
    case 'http':
      return plan.http(action.id, action.request);
    case 'callEntity':
    case 'signalEntity': {
      const { entityId, operation, input } = action;
      const isSignal = action.kind === 'signalEntity';
      const dueAt = action.kind === 'signalEntity' ? action.dueAt : 0;
      return plan.operateEntity(action.id, { entityId, operation, input, isSignal, dueAt });
    }
    case 'lock': {
      const { entityIds, lockRequestId: requestId } = action;
      instance.locks = { requestId, entityIds };
      return plan.sendToEntity(action.id, entityIds[0]!, {
        kind: 'lock',
        id: requestId,
        entityIds,
        position: 0,
        callerId: instance.id,
      });
    }
    case 'release':
      return plan.releaseLocks(action.id);
    case 'wait':
    case 'continueAsNew':
      return; // The first waits for a message; the second is the turn's outcome.
  }
}
