import { z } from 'zod';
import { clusterOfGroup } from '../shared/model/cluster';
import type { Call } from './respond';
import { requestReconcile } from './request-reconcile';

/**
 * An event of a resource group, as Event Grid's own schema or as a CloudEvent:
 * {"id":"…","eventType":"Microsoft.Resources.ResourceWriteSuccess","eventTime":"…","subject":"/subscriptions/…/resourceGroups/demo-compute/providers/Microsoft.Compute/virtualMachineScaleSets/agents","data":{"operationName":"Microsoft.Compute/virtualMachineScaleSets/write","correlationId":"…",…}}
 * `data.claims` names the person who acted: it is never read, logged or stored.
 */
const EventSchema = z.looseObject({
  id: z.string().min(1).max(200),
  subject: z.string().max(2000),
  eventType: z.string().optional(),
  type: z.string().optional(),
  data: z.looseObject({ operationName: z.string().max(200).optional() }).optional(),
});

/**
 * A hint that something changed: writes down what the event itself proves, once per event id, and asks for a reconcile.
 * What is not of a known cluster is acknowledged and forgotten: Event Grid would only send it again.
 */
export async function onAzureEvent(
  { world, orchestrator, log }: Pick<Call, 'world' | 'orchestrator' | 'log'>,
  raw: unknown,
): Promise<void> {
  const parsed = EventSchema.safeParse(raw);
  if (!parsed.success)
    return log.warn('event.unreadable', { fields: parsed.error.issues.map(({ path }) => path.join('.')).join(',') });
  const { id, subject, data } = parsed.data;
  const cluster = clusterOfSubject(subject);
  if (!cluster || !(await world.clusters.get(cluster))) return log.info('event.ignored', { id });
  const operation = (data?.operationName ?? parsed.data.eventType ?? parsed.data.type ?? '').toLowerCase();
  const resource = subject.toLowerCase().split('/providers/')[1] ?? subject.toLowerCase();
  const at = new Date(world.clock.now()).toISOString();
  await world.events.append([
    {
      cluster,
      id: `azure-${id}`,
      at,
      type: 'azure.event',
      subject: resource.slice(0, 200),
      cause: 'event-grid',
      message: operation,
    },
  ]);
  await requestReconcile({ world, orchestrator }, cluster, 'event-grid');
}

/** Segment names, not positions or casing, tell where the group stands. */
function clusterOfSubject(subject: string): string | undefined {
  const group = /\/resourcegroups\/([^/]+)/i.exec(subject)?.[1];
  return group ? clusterOfGroup(group) : undefined;
}
