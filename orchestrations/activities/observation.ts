import type { ClusterRecord } from '../../shared/model/cluster';
import { AppError } from '../../shared/model/errors';
import { awaitsToken } from '../../shared/model/join';
import type { NodeRecord } from '../../shared/model/node';
import { observe } from '../../shared/model/observe';
import { stoppedAgents } from '../../shared/model/plan';
import type { EngineNode, EnginePort, Machine, ScaleSet, Versioned, World } from '../../shared/ports';
import type { ClusterView } from '../contracts';
import { engineOf, isoNow, mayProceed, requireCluster, writeEvent } from './records';

/** Everything one look has found; the rows are as they are in the registry now. */
export interface Look {
  record: ClusterRecord;
  rows: NodeRecord[];
  machines: Machine[];
  scaleSet: ScaleSet | undefined;
  engine: EnginePort | undefined;
  engineNodes: EngineNode[] | undefined;
}

/** An engine node without a VM and without a row is left alone that long: its row may be on its way. */
const STRAY_GRACE_MS = 5 * 60_000;

/**
 * Looks at Azure, registry and engine once, and brings the registry up to date: rows, events, tokens that have served,
 * engine nodes whose VM is gone. The number of ARM calls does not grow with the nodes, except for pages.
 */
export async function look(world: World, cluster: string, cause: string): Promise<Look> {
  const record = await requireCluster(world, cluster);
  const rows = await world.nodes.list(cluster); // before the machines: see `observe`
  const [machines, scaleSet, engine] = await Promise.all([
    world.cloud.listMachines(cluster),
    world.cloud.getScaleSet(cluster),
    engineOf(world, record),
  ]);
  const engineNodes = await listNodes(engine);
  const etags = new Map(rows.map(({ record, etag }) => [record.vmId, etag]));
  const known = rows.map(({ record }) => record);
  const findings = observe({ cluster, rows: known, machines, engine: engineNodes, now: isoNow(world), cause });
  // First: a row that says `registered` is never looked at again for its token.
  if (engine && engineNodes) await tidyEngine(world, { engine, nodes: engineNodes, rows: known }, findings);
  // Not only between operations, some of which take hours.
  if (engine) await throwOut(world, { cluster, engine, nodes: engineNodes?.filter(isIntruder) ?? [] });
  await world.events.append(findings.events);
  const { conflicts } = await world.nodes.writeAll(
    findings.changed.map((record) => ({ record, etag: etags.get(record.vmId) })),
  );
  await forgetGone(world, findings.gone, { rows, engineSilent: engine !== undefined && engineNodes === undefined });
  return { record, rows: current(known, findings, new Set(conflicts)), machines, scaleSet, engine, engineNodes };
}

/** undefined when the engine does not answer or is not there yet: then nothing is concluded from its silence. */
async function listNodes(engine: EnginePort | undefined): Promise<EngineNode[] | undefined> {
  try {
    return await engine?.listNodes();
  } catch (error) {
    if (error instanceof AppError && error.code === 'ENGINE_UNREACHABLE') return undefined;
    throw error;
  }
}

/** Ends tokens that have served, and removes nodes whose VM Azure no longer lists. Masters' nodes are never touched. */
async function tidyEngine(
  world: World,
  { engine, nodes, rows }: { engine: EnginePort; nodes: EngineNode[]; rows: NodeRecord[] },
  findings: ReturnType<typeof observe>,
): Promise<void> {
  const served = findings.registered.filter((row) => row.role === 'agent' && row.ticketAttempt > 0);
  const tokens = await Promise.all(served.map((row) => world.mint.derive({ ...row, attempt: row.ticketAttempt })));
  const registered = new Set(findings.registered.map(({ vmId }) => vmId));
  const isAwaited = rows.some((row) => awaitsToken(row, world.clock.now()) && !registered.has(row.vmId));
  await engine.endTokens(
    tokens.map(({ id }) => id),
    isAwaited,
  );
  for (const { nodeName } of findings.returned) await engine.uncordon(nodeName);
  for (const row of findings.gone.filter(({ role }) => role === 'agent')) {
    const node = nodes.find(({ name }) => name === row.nodeName);
    if (node) await engine.removeNode(node.name, node.uid);
  }
}

/** Rows whose engine node may still be there stay, as gone, until the engine answers again. */
async function forgetGone(
  world: World,
  gone: NodeRecord[],
  { rows, engineSilent }: { rows: Versioned<NodeRecord>[]; engineSilent: boolean },
): Promise<void> {
  const stays = (row: NodeRecord): boolean => engineSilent && row.registeredAt !== '';
  const removable = gone.filter((row) => !stays(row));
  const cluster = gone[0]?.cluster;
  if (cluster && removable.length > 0)
    await world.nodes.remove(
      cluster,
      removable.map(({ vmId }) => vmId),
    );
  const before = new Map(rows.map((row) => [row.record.vmId, row]));
  const news = gone.filter((row) => stays(row) && before.get(row.vmId)?.record.state !== 'gone');
  if (news.length > 0)
    await world.nodes.writeAll(news.map((record) => ({ record, etag: before.get(record.vmId)?.etag })));
}

function current(known: NodeRecord[], findings: ReturnType<typeof observe>, conflicts: Set<string>): NodeRecord[] {
  const rows = new Map(known.map((row) => [row.vmId, row]));
  for (const row of findings.changed) if (!conflicts.has(row.vmId)) rows.set(row.vmId, row);
  for (const row of findings.gone) rows.delete(row.vmId);
  return [...rows.values()];
}

export async function observeCluster(
  world: World,
  { cluster, cause }: { cluster: string; cause: string },
): Promise<ClusterView> {
  return viewOf(await look(world, cluster, cause));
}

export function viewOf({ record, rows, machines, scaleSet, engineNodes }: Look): ClusterView {
  const agents = rows.filter(({ role, state }) => role === 'agent' && state !== 'gone' && state !== 'parked');
  const masters = rows.filter(({ role }) => role === 'master');
  const serving = agents.filter(({ state }) => state !== 'draining' && state !== 'leaving');
  const failed = serving.filter(({ state }) => state === 'failed');
  const stopped = stoppedAgents(rows, machines);
  return {
    agents: {
      desired: record.spec.agents.count,
      ready: agents.filter(({ state }) => state === 'ready').length,
      total: agents.length,
      failed: failed.length,
      provisioned: machines.filter((machine) => isProvisioned(machine, serving)).length,
    },
    masters: { desired: record.spec.masters.count, ready: masters.filter(({ state }) => state === 'ready').length },
    capacity: scaleSet?.capacity,
    scaleSetBusy: scaleSet !== undefined && scaleSet.provisioning !== 'succeeded' && scaleSet.provisioning !== 'failed',
    engineReachable: engineNodes !== undefined,
    ...(stopped.length > 0 ? { stopped } : {}),
    problems: [...new Set(failed.map(({ detail }) => detail).filter(Boolean))].slice(0, 3),
  };
}

const isProvisioned = (machine: Machine, serving: NodeRecord[]): boolean =>
  machine.role === 'agent' && machine.provisioning === 'succeeded' && serving.some(({ vmId }) => vmId === machine.vmId);

/**
 * Nodes of the engine that belong to no VM: an agent's node whose row and VM are both gone for some time, and one that has
 * joined and been claimed by nobody, whether it is ready or not.
 */
export async function removeStrayNodes(world: World, { record, rows, engine, engineNodes }: Look): Promise<void> {
  const names = new Set(rows.map(({ nodeName }) => nodeName));
  const isStray = (node: EngineNode): boolean =>
    !names.has(node.name) &&
    !node.isMaster &&
    (!node.ready || node.isUnclaimed === true) &&
    world.clock.now() - Date.parse(node.since) > STRAY_GRACE_MS;
  if (engine) await throwOut(world, { cluster: record.name, engine, nodes: engineNodes?.filter(isStray) ?? [] });
}

/** A machine of ours takes no work before it is claimed. */
const isIntruder = ({ isMaster, isUnclaimed, ready, schedulable }: EngineNode): boolean =>
  isUnclaimed === true && ready && schedulable && !isMaster;

/** Where one has joined that nobody claims, somebody else may have had the token: who has it must not come again. */
async function throwOut(
  world: World,
  { cluster, engine, nodes }: { cluster: string; engine: EnginePort; nodes: EngineNode[] },
): Promise<void> {
  if (nodes.some(({ isUnclaimed }) => isUnclaimed)) await engine.revokeTokens([]);
  for (const node of nodes) {
    if (!(await engine.removeNode(node.name, node.uid))) continue;
    const message = `${node.name} belonged to no virtual machine and was removed from the engine`;
    await writeEvent(world, { cluster, type: 'node.stray', subject: node.name, cause: 'timer', message });
  }
}

/**
 * Nodes that an operation has cordoned and could not uncordon, because the engine was silent just then: without an operation
 * nobody else gives them work again. Those that an operator has cordoned are left alone.
 */
export async function releaseHeldNodes(world: World, { record, rows, engine, engineNodes }: Look): Promise<void> {
  const { name: cluster } = record;
  const working = new Set(rows.flatMap((row) => (row.state === 'ready' && !row.goingDown ? [row.nodeName] : [])));
  const held = engineNodes?.filter((node) => node.isHeld && working.has(node.name)) ?? [];
  if (held.length === 0 || !(await mayProceed(world, cluster, undefined))) return;
  for (const { name } of held) {
    if (!(await engine?.uncordon(name))) continue;
    const message = `${name} takes work again: an operation had cordoned it, and could not undo that`;
    await writeEvent(world, { cluster, type: 'node.released', subject: name, cause: 'timer', message });
  }
}
