import { randomUUID } from 'node:crypto';
import type { LogLine } from '../contract';
import { invoke } from './invoke';
import type { App } from './load-app';
import type { EntityAnswer, EntityBatch } from './protocol';

/** What an entity function of durable-functions 3 returns. */
interface SdkEntityState {
  entityExists: boolean;
  entityState?: string;
  results: ({ isError: boolean; result?: string } | undefined)[];
  signals: { target: { name: string; key: string }; name: string; input: string }[];
}

export async function runEntity(app: App, work: EntityBatch, log: (line: LogLine) => void): Promise<EntityAnswer> {
  const trigger = {
    self: work.self,
    exists: work.exists,
    state: work.state ?? undefined,
    batch: work.batch.map((operation) => ({ ...operation, input: operation.input ?? undefined })),
  };
  const { functionName } = work;
  const call = { functionName, data: null, triggerMetadata: {}, invocationId: randomUUID(), durableClient: null };
  const { result } = await invoke(app, call, log, { trigger });
  const state = result as SdkEntityState;
  return {
    exists: state.entityExists,
    state: state.entityState ?? null,
    results: work.batch.map((_, index) => {
      const each = state.results[index];
      return { isError: each?.isError ?? false, result: each?.result ?? null };
    }),
    signals: state.signals.map(({ target, name, input }) => ({
      entityId: `@${target.name.toLowerCase()}@${target.key}`,
      operation: name,
      input: input || null,
    })),
  };
}
