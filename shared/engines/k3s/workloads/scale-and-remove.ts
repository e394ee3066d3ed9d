import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { refuse, type Outcome } from '../../../model/errors';
import type { KubeClients } from '../connection';
import { isKubeStatus, translatedKube } from '../errors';
import { listAll } from '../listing';
import { FIELD_MANAGER } from '../plain-requests';
import { namespaceOf } from './labels';
import { scaledDeployment } from './objects';
import { findNamespace, readRecord } from './record';

/** A repeat is harmless. */
export function scaleWorkload(clients: KubeClients, name: string, replicas: number): Promise<Outcome<object>> {
  return translatedKube(`scale the workload ${name}`, async () => {
    const namespace = await findNamespace(clients.core, name);
    const record = namespace && readRecord(namespace);
    if (!record || namespace.metadata?.deletionTimestamp)
      return refuse('WORKLOAD_NOT_FOUND', `there is no workload ${name}`);
    const deployment = scaledDeployment(record.kind);
    if (!deployment) return refuse('INVALID_REQUEST', `replicas: ${name} is of kind ${record.kind}, which has none`);
    return setReplicas(clients, { namespace: namespaceOf(name), name: deployment }, replicas);
  });
}

async function setReplicas(
  { apps }: KubeClients,
  target: { namespace: string; name: string },
  replicas: number,
): Promise<Outcome<object>> {
  const patch = { ...target, body: { spec: { replicas } }, fieldManager: FIELD_MANAGER };
  try {
    await apps.patchNamespacedDeployment(patch, setHeaderOptions('Content-Type', PatchStrategy.MergePatch));
    return { ok: true };
  } catch (error) {
    if (!isKubeStatus(error, 404)) throw error;
    return refuse('WORKLOAD_REFUSED', `somebody has deleted the Deployment ${target.name} of ${target.namespace}`);
  }
}

/** Deletes the namespace with everything in it, once; counts what is still there: the pods, and the namespace itself. */
export function removeWorkload(clients: KubeClients, name: string): Promise<number> {
  return translatedKube(`remove the workload ${name}`, async () => {
    const found = await findNamespace(clients.core, name);
    if (!found || !readRecord(found)) return 0; // gone, or not ours to remove
    const namespace = namespaceOf(name);
    if (!found.metadata?.deletionTimestamp) await clients.plain.remove(`/api/v1/namespaces/${namespace}`);
    const pods = await listAll((page) => clients.core.listNamespacedPod({ ...page, namespace }));
    return pods.length + 1;
  });
}
