import { AppError, refuse, type Outcome } from '../../shared/model/errors';
import { isServing, newGeneration, type NodeRecord } from '../../shared/model/node';
import { stateEvent } from '../../shared/model/observe';
import { stoppedAgents } from '../../shared/model/plan';
import { isRenewed, type NodeBefore, type Renewal } from '../../shared/model/renewal';
import type { EngineNode, EnginePort, World } from '../../shared/ports';
import type { DrainPass, NodesInput, RenewedView } from '../contracts';
import { aFewAtATime, drainPassOver } from './draining';
import { look, type Look } from './observation';
import { engineOf, isoNow, mayProceed, requireCluster, rowsOf, updateNodes } from './records';

const superseded = refuse('CANCELLED', 'another operation has taken over');
/** Problems that are told; a person reads them. */
const MOST_TOLD = 3;

export async function noteNodes(
  world: World,
  { cluster, vmIds }: { cluster: string; vmIds: string[] },
): Promise<{ nodes: NodeBefore[] }> {
  const rows = await rowsOf(world, cluster, vmIds);
  const known = await engineNodesOf(world, cluster).catch((error: unknown) => {
    if (isSilence(error) && rows.every(({ role }) => role === 'master')) return []; // it may be why they are restarted
    throw error;
  });
  const nodes = new Map(known.map((node) => [node.name, node]));
  const before = ({ vmId, nodeName, nodeUid, generation }: NodeRecord): NodeBefore => {
    const node = nodes.get(nodeName);
    return { vmId, nodeName, nodeUid: node?.uid ?? nodeUid, bootId: node?.bootId ?? '', generation };
  };
  return { nodes: rows.filter(({ state }) => state !== 'gone').map(before) };
}

const isSilence = (error: unknown): boolean => error instanceof AppError && error.code === 'ENGINE_UNREACHABLE';

async function engineNodesOf(world: World, cluster: string): Promise<EngineNode[]> {
  const engine = await engineOf(world, await requireCluster(world, cluster));
  return (await engine?.listNodes()) ?? [];
}

/** What runs on a node that is not ready does not run as far as the engine knows, so it cannot be waited for. */
const holdsWork = ({ state }: NodeRecord): boolean => state === 'ready' || state === 'failed';

export async function evictAgents(world: World, { cluster, operationId, vmIds }: NodesInput): Promise<DrainPass> {
  if (!(await mayProceed(world, cluster, operationId))) return { proceed: false, remaining: 0, blocked: [] };
  const rows = (await rowsOf(world, cluster, vmIds)).filter((row) => row.registeredAt && holdsWork(row));
  const engine = await engineOf(world, await requireCluster(world, cluster));
  return engine
    ? { proceed: true, ...(await drainPassOver(engine, rows)) }
    : { proceed: true, remaining: 0, blocked: [] };
}

/** Only those that serve: who is parked or being removed stays without work. */
export async function releaseAgents(
  world: World,
  { cluster, operationId, vmIds }: NodesInput,
): Promise<{ names: Record<string, string> }> {
  const rows = await rowsOf(world, cluster, vmIds);
  const names = Object.fromEntries(rows.map(({ vmId, nodeName }) => [vmId, nodeName]));
  if (!(await mayProceed(world, cluster, operationId))) return { names };
  const serving = rows.filter(({ state, registeredAt }) => registeredAt && isServing(state));
  const engine = await engineOf(world, await requireCluster(world, cluster));
  if (engine) await aFewAtATime(serving, ({ nodeName }) => engine.uncordon(nodeName));
  const back = serving.filter(({ goingDown, state }) => goingDown && state === 'ready').map(({ vmId }) => vmId);
  if (back.length > 0) await updateNodes(world, cluster, back, (row) => ({ ...row, goingDown: false }));
  return { names };
}

export async function renewMachines(
  world: World,
  input: { cluster: string; operationId: string; action: Exclude<Renewal, 'start'>; nodes: NodeBefore[] },
): Promise<Outcome<{ pollers: string[] }>> {
  const { cluster, operationId, action, nodes } = input;
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const before = new Map(nodes.map((node) => [node.vmId, node]));
  const serving = (await rowsOf(world, cluster, [...before.keys()])).filter(({ state }) => isServing(state));
  // A repeat must not empty the disk of a machine that has asked to join since.
  const due = serving.filter((row) => row.generation === before.get(row.vmId)?.generation || row.ticketAttempt === 0);
  if (due.length === 0) return { ok: true, pollers: [] };
  if (action === 'reimage') await openGenerations(world, { cluster, cause: operationId }, nodes, due);
  const ids = due.map(({ instanceId }) => instanceId);
  const begun = await ACTIONS[action](world, cluster, ids);
  return begun.ok ? { ok: true, pollers: [begun.poller] } : begun;
}

type Act = (world: World, cluster: string, instanceIds: string[]) => Promise<Outcome<{ poller: string }>>;
const ACTIONS: Record<Exclude<Renewal, 'start'>, Act> = {
  restart: ({ cloud }, cluster, ids) => cloud.restartAgents(cluster, ids),
  reimage: ({ cloud }, cluster, ids) => cloud.reimageAgents(cluster, ids),
  resize: ({ cloud }, cluster, ids) => cloud.updateAgents(cluster, ids),
};

/** Before the machines boot: the new names, and nothing left of the old ones. A repeat opens no further generation. */
async function openGenerations(
  world: World,
  { cluster, cause }: { cluster: string; cause: string },
  nodes: NodeBefore[],
  due: NodeRecord[],
): Promise<void> {
  const engine = await engineOf(world, await requireCluster(world, cluster));
  await engine?.listNodes(); // a silent one throws: a machine must not lose its name while its old node cannot be removed
  const now = isoNow(world);
  const generations = new Map(nodes.map(({ vmId, generation }) => [vmId, generation]));
  const open = (row: NodeRecord): NodeRecord | undefined =>
    row.generation === generations.get(row.vmId) ? newGeneration(row, now) : undefined;
  const opened = due.flatMap((row) => {
    const after = open(row);
    return after ? [stateEvent(after, row.state, { now, cause })] : [];
  });
  await world.events.append(opened); // first: a crash in between tells twice, but never too little
  const ids = due.map(({ vmId }) => vmId);
  await updateNodes(world, cluster, ids, open);
  const old = nodes.filter(({ vmId, nodeUid }) => nodeUid && ids.includes(vmId));
  if (engine) await aFewAtATime(old, (node) => removeOld(engine, node));
}

async function removeOld(engine: EnginePort, { nodeName, nodeUid }: NodeBefore): Promise<void> {
  if (await engine.removeNode(nodeName, nodeUid)) return;
  throw new AppError('ENGINE_UNREACHABLE', `the engine still has ${nodeName}`); // a retry removes it, or finds it gone
}

export async function lookAtRenewed(
  world: World,
  { cluster, cause, action, nodes }: { cluster: string; cause: string; action: Renewal; nodes: NodeBefore[] },
): Promise<RenewedView> {
  const seen = await look(world, cluster, cause);
  const rows = new Map(seen.rows.map((row) => [row.vmId, row]));
  const engine = new Map(seen.engineNodes?.map((node) => [node.name, node]));
  const isBack = (before: NodeBefore): boolean => {
    const row = rows.get(before.vmId);
    return row !== undefined && isRenewed(action, before, row, engine.get(row.nodeName));
  };
  const away = nodes.filter((before) => !isBack(before));
  const stateOf = ({ vmId }: NodeBefore): string => rows.get(vmId)?.state ?? 'gone';
  const failed = away.filter((node) => stateOf(node) === 'failed');
  const stopped = stoppedAgents(seen.rows, seen.machines);
  return {
    ready: idsOf(nodes.filter((node) => !away.includes(node))),
    waiting: idsOf(away.filter((node) => !['failed', 'gone'].includes(stateOf(node)))),
    lost: idsOf(away.filter((node) => stateOf(node) === 'gone')),
    ...(failed.length > 0 ? { failed: idsOf(failed) } : {}),
    ...(stopped.length > 0 ? { stopped } : {}),
    problems: away.slice(0, MOST_TOLD).map((node) => whyAway(seen, rows.get(node.vmId), node)),
    engineReachable: seen.engineNodes !== undefined,
    agents: seen.machines.length,
  };
}

const idsOf = (nodes: NodeBefore[]): string[] => nodes.map(({ vmId }) => vmId);

function whyAway({ machines }: Look, row: NodeRecord | undefined, { vmId, nodeName }: NodeBefore): string {
  const machine = machines.find((machine) => machine.vmId === vmId);
  if (!row || !machine) return `${nodeName}: the virtual machine is gone`;
  if (machine.power !== 'running') return `${row.nodeName}: the virtual machine is ${machine.power}`;
  return `${row.nodeName}: ${row.detail || `it is ${row.state}`}`;
}
