import type { AppWorker, FunctionMetadata } from '../contract';

const KINDS: Record<string, string> = {
  activityTrigger: 'activity',
  orchestrationTrigger: 'orchestrator',
  entityTrigger: 'entity',
};
export type DurableTrigger = 'activityTrigger' | 'orchestrationTrigger' | 'entityTrigger';

const hasTrigger = (each: FunctionMetadata, trigger: DurableTrigger): boolean =>
  each.trigger.type.toLowerCase() === trigger.toLowerCase();

export function findDurable(worker: AppWorker, name: string, trigger: DurableTrigger): FunctionMetadata | undefined {
  const found = worker.find(name);
  return found && hasTrigger(found, trigger) ? found : undefined;
}

/** The real host's words for a function that cannot be called; nothing when it can. */
export function unknownFunction(worker: AppWorker, name: string, trigger: DurableTrigger): string | undefined {
  if (findDurable(worker, name, trigger)) return undefined;
  const kind = KINDS[trigger]!;
  const known = worker.functions.filter((each) => hasTrigger(each, trigger)).map((each) => `'${each.name}'`);
  return (
    `The function '${name}' doesn't exist, is disabled, or is not an ${kind} function. Additional info: ` +
    (known.length > 0
      ? `The following are the known ${kind} functions: ${known.join(', ')}.`
      : `No ${kind} functions are currently registered!`)
  );
}
