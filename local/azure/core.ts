import type { Clock } from '../clock';
import type { Scheduler } from '../scheduler';
import type { Store } from '../store';
import type { MachineDriver } from '../vm/machine';
import { createOperations, type EventDraft, type Operations } from './arm/operations';
import { createResources, type Resources } from './arm/resources';
import { createChance, type Chance } from './chance';
import { defaultLatencies, type AzureSettings, type Latencies } from './settings';

export interface AzureDeps {
  store: Store;
  clock: Clock;
  scheduler: Scheduler;
  driver: MachineDriver;
  settings: AzureSettings;
  log: (message: string) => void;
}

/** What every part of the simulated Azure stands on. */
export interface Core extends AzureDeps {
  latencies: Latencies;
  chance: Chance;
  resources: Resources;
  operations: Operations;
  /** Tells Event Grid of a request that ended; replaced by the event grid once that exists. */
  emit: (event: EventDraft, succeeded: boolean) => void;
}

export function createCore(deps: AzureDeps): Core {
  const chance = createChance(deps.settings.seed ?? 1);
  const core: Core = {
    ...deps,
    chance,
    latencies: { ...defaultLatencies, ...deps.settings.latencies },
    resources: createResources(deps.store),
    operations: createOperations({ ...deps, chance }),
    emit: () => undefined,
  };
  core.operations.onAnyFinished((operation) => {
    if (operation.event && operation.status !== 'Canceled')
      core.emit(operation.event, operation.status === 'Succeeded');
  });
  return core;
}
