import { orchestrations, reconcileId } from '../orchestrations/contracts';
import type { Call } from './respond';

/**
 * Asks for a reconcile of the cluster, soon. Bursts coalesce: while one runs, only a mark is left on the row, which it
 * reads at its end; what falls between is taken by the timer of the next minute.
 */
export async function requestReconcile(
  { world, orchestrator }: Pick<Call, 'world' | 'orchestrator'>,
  cluster: string,
  cause: string,
): Promise<void> {
  const answer = await orchestrator.start(orchestrations.reconcileCluster.name, reconcileId(cluster), {
    cluster,
    cause,
  });
  if (answer === 'started') return;
  const found = await world.clusters.get(cluster);
  if (!found || found.record.reconcileRequestedAt) return;
  // Losing this write is harmless: whoever won it looks at the cluster, and so does the timer.
  await world.clusters.replace(
    { ...found.record, reconcileRequestedAt: new Date(world.clock.now()).toISOString() },
    found.etag,
  );
}
