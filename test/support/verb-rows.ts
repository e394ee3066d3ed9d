import { Cluster, type EngineNode, type Node, type Vm } from './cluster';
import { waitUntil, type Json, type Operation, type Starling } from './starling';

/** A cluster as registry, Azure and engine see it. */
export interface State {
  cluster: Json;
  nodes: Node[];
  vms: Vm[];
  engine: EngineNode[];
}

/** One verb on a cluster of its own, and what must have come of it in registry, Azure and engine. */
export interface VerbRow {
  verb: string;
  /** Cluster's name. */
  name: string;
  spec?: object;
  /** What has to be so before; the state is read after it. */
  prepare?: (cluster: Cluster) => Promise<void>;
  request: (before: State) => [method: string, path: string, body?: unknown];
  result?: object;
  becomes: (before: State, after: State, cluster: Cluster, operation: Operation) => void | Promise<void>;
}

export const agentsOf = ({ nodes }: State): Node[] => nodes.filter(({ role }) => role === 'agent');
export const ids = (nodes: { vmId: string }[]): string[] => nodes.map(({ vmId }) => vmId).sort();
export const names = (nodes: { name: string }[]): string[] => nodes.map(({ name }) => name).sort();
export const isOff = ({ power }: Vm): boolean => power === 'deallocated';

/** Every VM was started again since: its engine node has another boot. */
export const rebooted = (before: State, after: State): string[] =>
  after.engine
    .filter(({ name, bootId }) => bootId !== before.engine.find((node) => node.name === name)?.bootId)
    .map(({ name }) => name)
    .sort();

export async function succeeds(operation: Promise<Operation>): Promise<void> {
  expect(await operation).toMatchObject({ state: 'succeeded', error: null });
}

export async function stateOf(cluster: Cluster): Promise<State> {
  const [body, nodes, vms] = await Promise.all([cluster.get(), cluster.nodes(), cluster.vms()]);
  return { cluster: body, nodes, vms, engine: vms.length > 0 ? await cluster.engineNodes() : [] };
}

/** Concurrent tests begin before `beforeAll` has ended, hence the function. */
export async function carryOutRow(starlingOf: () => Starling | undefined, row: VerbRow): Promise<void> {
  await waitUntil('Starling is there', () => starlingOf() !== undefined);
  const cluster = new Cluster(starlingOf()!, row.name);
  await succeeds(cluster.deploy({ agents: { count: 2 }, ...row.spec }));
  await row.prepare?.(cluster);
  const before = await stateOf(cluster);
  const [method, path, body] = row.request(before);
  const operation = await cluster.carryOut(method, path, body);
  expect(operation).toMatchObject({ state: 'succeeded', error: null, ...(row.result && { result: row.result }) });
  await row.becomes(before, await stateOf(cluster), cluster, operation);
  expect((await cluster.events()).filter(({ cause }) => !cause)).toEqual([]);
}
