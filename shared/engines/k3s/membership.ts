import { PatchStrategy, setHeaderOptions, type CoreV1Api, type V1Node } from '@kubernetes/client-node';
import { isKubeStatus, translatedKube } from './errors';

/**
 * How k3s is asked to take a server out of etcd: the annotation on its Node is the request, the second one its answer. The
 * request is dropped for the only voter (pkg/etcd/member_controller.go).
 */
const REMOVE = 'etcd.k3s.cattle.io/remove';
const REMOVED = 'etcd.k3s.cattle.io/removed-node-name';
const ETCD_ROLE = 'node-role.kubernetes.io/etcd';

export type Membership = 'removed' | 'pending' | 'absent';

/** One look, and the request where it was not made yet. */
export function removeMember(core: CoreV1Api, name: string): Promise<Membership> {
  return translatedKube(`take ${name} out of etcd`, async () => {
    const node = await findNode(core, name);
    if (!node || !(ETCD_ROLE in (node.metadata?.labels ?? {}))) return 'absent';
    const annotations = node.metadata?.annotations ?? {};
    if (annotations[REMOVED]) return 'removed';
    if (annotations[REMOVE] !== 'true') await request(core, name);
    return 'pending';
  });
}

async function findNode(core: CoreV1Api, name: string): Promise<V1Node | undefined> {
  try {
    return await core.readNode({ name });
  } catch (error) {
    if (isKubeStatus(error, 404)) return undefined;
    throw error;
  }
}

async function request(core: CoreV1Api, name: string): Promise<void> {
  const body = { metadata: { annotations: { [REMOVE]: 'true' } } };
  await core.patchNode({ name, body }, setHeaderOptions('Content-Type', PatchStrategy.MergePatch));
}
