import type { SimResponse } from '../../../azure/http';
import { badRequest, json, rpcError } from '../docker-error';
import { shown, type NodeRecord, type NodeSpec } from '../records';
import { requireVersion } from '../state';
import { bodyOf, findOne, isTrue, labelsOf, versionOf, type ClusterCall } from './call';
import { filtersOf, hasLabels, hasPrefix } from './filters';

const hostname = (node: NodeRecord): string => node.Description.Hostname;

export const nodeOf = ({ objects, term }: Pick<ClusterCall, 'objects' | 'term'>): NodeRecord =>
  findOne('node', objects.nodes.list(), term, hostname);

/** A manager is what raft has as a member, whatever the spec says. */
function present({ raft, swarm }: ClusterCall, node: NodeRecord): object {
  if (!swarm.members.includes(node.ID)) return shown(node);
  const Reachability = raft.isReachable(swarm, node.ID) ? 'reachable' : 'unreachable';
  const Addr = `${node.Status.Addr}:2377`;
  const isLeader = swarm.leader === node.ID;
  return { ...shown(node), ManagerStatus: { ...(isLeader && { Leader: true }), Reachability, Addr } };
}

export function listNodes(call: ClusterCall): SimResponse {
  const filters = filtersOf(call.request, ['name', 'id', 'label', 'role', 'membership', 'node.label']);
  for (const role of filters.role ?? [])
    if (!['worker', 'manager'].includes(role)) throw badRequest(`Invalid role filter: '${role}'`);
  for (const membership of filters.membership ?? [])
    if (!['accepted', 'pending'].includes(membership)) throw badRequest(`Invalid membership filter: '${membership}'`);
  const chosen = call.objects.nodes
    .list()
    .filter(
      (node) =>
        hasPrefix(hostname(node), filters.name) &&
        hasPrefix(node.ID, filters.id) &&
        hasLabels(node.Description.Engine.Labels, filters.label) &&
        hasLabels(node.Spec.Labels, filters['node.label']) &&
        (filters.role ?? [node.role]).includes(node.role) &&
        (filters.membership ?? ['accepted']).includes('accepted'),
    );
  return json(
    200,
    chosen.map((node) => present(call, node)),
  );
}

export const inspectNode = (call: ClusterCall): SimResponse => json(200, present(call, nodeOf(call)));

/** Replaces the whole spec. A changed role is reconciled some seconds later (swarmkit `manager/controlapi/node.go`). */
export function updateNode(call: ClusterCall): SimResponse {
  const { objects, raft, swarm } = call;
  const spec = specOf(bodyOf(call.request));
  const version = versionOf(call.request, 'node');
  const node = nodeOf(call);
  if (node.Spec.Role === 'manager' && spec.Role === 'worker') requireDemotable(call, node);
  requireVersion(node, version);
  objects.nodes.change(node.ID, { Spec: spec });
  if (spec.Role !== node.role) raft.reconcile(swarm.ID, node.ID);
  call.changed(swarm.ID);
  return { status: 200 };
}

function specOf(body: Record<string, unknown>): NodeSpec {
  const { Role, Availability } = body as Partial<NodeSpec>;
  if (Role !== 'manager' && Role !== 'worker') throw badRequest(`invalid Role: "${Role ?? ''}"`);
  if (!Availability || !['active', 'pause', 'drain'].includes(Availability))
    throw badRequest(`invalid Availability: "${Availability ?? ''}"`);
  return { Labels: labelsOf(body.Labels), Role, Availability };
}

function requireDemotable({ objects, swarm, raft }: ClusterCall, { ID }: NodeRecord): void {
  const managers = objects.nodes.list().filter(({ role }) => role === 'manager');
  if (managers.length === 1) throw rpcError('FailedPrecondition', 'attempting to demote the last manager of the swarm');
  if (!swarm.members.includes(ID)) throw rpcError('NotFound', "can't find manager in raft memberlist");
  if (!raft.canRemove(swarm, ID))
    throw rpcError('FailedPrecondition', "can't remove member from the raft: this would result in a loss of quorum");
}

/** A manager cannot be removed, not even by force; a node that answers only by force. */
export function removeNode(call: ClusterCall): SimResponse {
  const { objects, state, swarm, raft } = call;
  const { ID, Spec, Status } = nodeOf(call);
  const isMember = swarm.members.includes(ID);
  if (Spec.Role === 'manager' && isMember)
    throw rpcError(
      'FailedPrecondition',
      `node ${ID} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
    );
  if (!isTrue(call.request, 'force') && Status.State === 'ready')
    throw rpcError('FailedPrecondition', `node ${ID} is not down and can't be removed`);
  state.updateSwarm(swarm.ID, {}); // notes the node's certificate as worthless, so that the swarm's own version moves too
  objects.nodes.remove(ID);
  if (isMember) raft.reconcile(swarm.ID, ID);
  call.changed(swarm.ID);
  return { status: 200 };
}
