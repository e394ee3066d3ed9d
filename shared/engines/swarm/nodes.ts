import type { EngineNode } from '../../ports';
import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { listNodeObjects, readNodeObject, type NodeObject } from './objects';

/** Labels of nodes that Starling sets through the managers; no machine can give them to itself. */
export const NODE_LABELS = {
  /** The name that its ticket gave it: hostnames are not unique, and chosen by the machine. */
  name: 'starling.node',
  vm: 'starling.vm',
  boot: 'starling.boot',
  /** Whoever finds it on a node that should work may uncordon it. */
  held: 'starling.cordoned',
  /** It was a manager, and has lost its vote. */
  demoted: 'starling.demoted',
} as const;
/** No ticket gives such a name. */
const UNCLAIMED = 'unclaimed-';
/** Label, of the node or of its daemon, with which an operator keeps chaos off a node. */
const CHAOS_MARK = 'starling.chaos';

export async function listNodes(client: SwarmClient): Promise<EngineNode[]> {
  return toEngineNodes(await translatedDocker('list the nodes', () => listNodeObjects(client)));
}

export async function getNode(client: SwarmClient, name: string): Promise<EngineNode | undefined> {
  const node = await translatedDocker(`read the node ${name}`, () => findNode(client, name));
  return node && toEngineNode(node, name.startsWith(UNCLAIMED) ? '' : name);
}

/** The node that bears the name, also one that is called by its id alone. */
export async function findNode(client: SwarmClient, name: string): Promise<NodeObject | undefined> {
  if (name.startsWith(UNCLAIMED)) return readNodeObject(client, name.slice(UNCLAIMED.length));
  return (await nodesNamed(client, name)).reduce<NodeObject | undefined>(better, undefined);
}

/** All that were given the name: a machine that has joined anew may have left its former self behind. */
export async function nodesNamed(client: SwarmClient, name: string): Promise<NodeObject[]> {
  const nodes = await listNodeObjects(client, { 'node.label': [`${NODE_LABELS.name}=${name}`] });
  return nodes.filter((node) => nameOf(node) === name);
}

export const nameOf = ({ Spec }: NodeObject): string => Spec.Labels?.[NODE_LABELS.name] ?? '';

/**
 * A new leader calls all nodes `unknown` that were ready, until it has heard of them or, some seconds later, calls them `down`
 * (swarmkit `manager/dispatcher/dispatcher.go`): a cluster is not lost each time its managers elect.
 */
const ELECTED = /leadership change/;
export const isReady = ({ Status }: NodeObject): boolean =>
  Status.State === 'ready' || (Status.State === 'unknown' && ELECTED.test(Status.Message ?? ''));

/** One node alone bears a name; any other is as good as one that nobody has claimed. */
function toEngineNodes(nodes: NodeObject[]): EngineNode[] {
  const bearers = new Map<string, NodeObject>();
  for (const node of nodes) bearers.set(nameOf(node), better(bearers.get(nameOf(node)), node));
  return nodes.map((node) => toEngineNode(node, bearers.get(nameOf(node)) === node ? nameOf(node) : ''));
}

/** Ready before not ready, then the later. */
function better(a: NodeObject | undefined, b: NodeObject): NodeObject {
  const rank = (node: NodeObject): string => `${isReady(node) ? 1 : 0}${node.CreatedAt}`;
  return a && rank(a) > rank(b) ? a : b;
}

/** `name` is empty for a node that nobody has claimed. */
function toEngineNode(node: NodeObject, name: string): EngineNode {
  const { ID, Spec, Description, CreatedAt, UpdatedAt } = node;
  const labels = Spec.Labels ?? {};
  return {
    name: name || UNCLAIMED + ID,
    uid: ID,
    ready: isReady(node),
    schedulable: Spec.Availability === 'active',
    ...(labels[NODE_LABELS.held] === 'true' ? { isHeld: true } : {}),
    isMaster: isMaster(node),
    address: addressOf(node),
    // A change of readiness is a change of the node, and so are a few others. Whoever is unclaimed cannot make itself younger.
    since: name ? UpdatedAt : CreatedAt,
    version: Description.Engine?.EngineVersion ?? '',
    bootId: labels[NODE_LABELS.boot] ?? '',
    avoidsChaos: [labels, Description.Engine?.Labels].some((marks) => marks?.[CHAOS_MARK] === 'never'),
    ...(name ? {} : { isUnclaimed: true }),
  };
}

export const isManager = ({ Spec, ManagerStatus }: NodeObject): boolean =>
  Spec.Role === 'manager' || ManagerStatus !== undefined;

/** Also one without a vote, until its machine goes. */
export const isMaster = (node: NodeObject): boolean =>
  isManager(node) || NODE_LABELS.demoted in (node.Spec.Labels ?? {});

/** What says nothing: a manager may see itself so. */
const NOWHERE = /^(0\.0\.0\.0|127\..*|::1?|)$/;

/**
 * Where the managers see it; empty when they do not say. Of a manager the address that it advertises. Samples:
 * `172.31.0.10:2377`, `172.31.1.4`, `[fd00::4]:2377`.
 */
export function addressOf({ ManagerStatus, Status }: NodeObject): string {
  const told = [ManagerStatus?.Addr?.replace(/:\d+$/, ''), Status.Addr];
  return told.map((address) => address?.replace(/^\[|\]$/g, '') ?? '').find((address) => !NOWHERE.test(address)) ?? '';
}
