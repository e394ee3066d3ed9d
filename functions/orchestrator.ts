import { OrchestrationRuntimeStatus, type DurableClient } from 'durable-functions';
import type { Orchestrator } from '../shared/ports';

const LIVE: ReadonlySet<string> = new Set([
  OrchestrationRuntimeStatus.Pending,
  OrchestrationRuntimeStatus.Running,
  OrchestrationRuntimeStatus.Suspended,
  OrchestrationRuntimeStatus.ContinuedAsNew,
]);

/** The durable client behind the port; the client is made at its first use, as most requests need none. */
export function createOrchestrator(client: () => DurableClient): Orchestrator {
  const status = async (id: string): Promise<'absent' | 'running' | 'ended'> => {
    // The SDK has no "not found" but an error whose text says so.
    const found = await client()
      .getStatus(id)
      .catch((error: unknown) => {
        if (/404|not found/i.test(String(error))) return undefined;
        throw error;
      });
    if (!found?.runtimeStatus) return 'absent';
    return LIVE.has(found.runtimeStatus) ? 'running' : 'ended';
  };
  return {
    async start(name, id, input) {
      try {
        await client().startNew(name, { instanceId: id, input });
        return 'started';
      } catch (error) {
        if (/already exists/i.test(String(error))) return 'exists'; // the host's 409, which the SDK gives as text
        throw error;
      }
    },
    status,
    async terminate(id, reason) {
      if ((await status(id)) === 'running') await client().terminate(id, reason);
    },
  };
}
