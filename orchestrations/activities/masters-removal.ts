import { refuse, type Outcome } from '../../shared/model/errors';
import { moveTo } from '../../shared/model/node';
import { stateEvent } from '../../shared/model/observe';
import { mayReplaceMaster } from '../../shared/model/quorum';
import type { EngineNode, World } from '../../shared/ports';
import type { DoomedMaster } from '../contracts';
import { observeMasters } from './masters-view';
import { engineOf, isoNow, mayProceed, requireCluster, updateNodes, writeEvent } from './records';

interface Input {
  cluster: string;
  operationId: string;
  doomed: DoomedMaster;
}

/** Who goes, decided by the engine and by Azure as they are now: the row may be gone with its VM while the member is left. */
export async function planMasterRepair(
  world: World,
  { cluster, operationId, name }: { cluster: string; operationId: string; name: string },
): Promise<Outcome<{ doomed: DoomedMaster }>> {
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const { count, masters, engineReachable } = await observeMasters(world, { cluster, cause: operationId });
  if (!masters.some((master) => master.name === name))
    return refuse('NODE_NOT_FOUND', `${cluster} has ${count} masters, and no ${name}`);
  const refusal = mayReplaceMaster(masters, count, name);
  if (refusal) return refusal;
  const engine = await engineOf(world, await requireCluster(world, cluster));
  if (!engine || !engineReachable) return refuse('ENGINE_UNREACHABLE', 'no master answers, so none can be replaced');
  const nodes = nodesOf(await engine.listNodes(), masters, name);
  const machine = await world.cloud.getMachine(cluster, 'master', name);
  return {
    ok: true,
    doomed: {
      name,
      ...(machine && machine.provisioning !== 'deleting' ? { vmId: machine.vmId.toLowerCase() } : {}),
      nodes: nodes.map((node) => ({ name: node.name, uid: node.uid, ready: node.ready })),
    },
  };
}

const superseded = refuse('CANCELLED', 'another operation has taken over');

/** Nodes of a master are called `master1-<begin of the vmId>`, in whatever generation. */
const isOf = (node: EngineNode, name: string): boolean => node.isMaster && node.name.startsWith(`${name}-`);

/** With what has joined in its place and was never claimed, whose vote would count for ever: nobody else's when all others have their node. */
function nodesOf(nodes: EngineNode[], masters: { name: string }[], name: string): EngineNode[] {
  const isKnown = (master: string): boolean => nodes.some((node) => isOf(node, master));
  const areOthersKnown = masters.every((master) => master.name === name || isKnown(master.name));
  return nodes.filter((node) => isOf(node, name) || (areOthersKnown && node.isMaster && node.isUnclaimed));
}

/** A node that is not ready holds no work that could move. */
export async function drainMaster(
  world: World,
  { cluster, operationId, doomed }: Input,
): Promise<{ proceed: boolean; remaining: number; blocked: string[] }> {
  if (!(await mayProceed(world, cluster, operationId))) return { proceed: false, remaining: 0, blocked: [] };
  const engine = await engineOf(world, await requireCluster(world, cluster));
  let remaining = 0;
  const blocked: string[] = [];
  for (const { name } of doomed.nodes.filter(({ ready }) => ready)) {
    if (!(await engine?.cordon(name))) continue;
    const result = await engine?.evict(name);
    remaining += result?.remaining ?? 0;
    blocked.push(...(result?.blocked ?? []));
  }
  return { proceed: true, remaining, blocked: blocked.slice(0, 10) };
}

export async function releaseMaster(world: World, { cluster, doomed }: Input): Promise<void> {
  const engine = await engineOf(world, await requireCluster(world, cluster));
  for (const { name } of doomed.nodes) await engine?.uncordon(name);
}

export async function removeMember(world: World, input: Input): Promise<Outcome<{ pending: boolean }>> {
  const { cluster, operationId, doomed } = input;
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const engine = await engineOf(world, await requireCluster(world, cluster));
  let pending = false;
  for (const { name } of doomed.nodes) {
    const state = await engine?.removeMember(name);
    pending ||= state === 'pending';
    if (state !== 'removed') continue;
    const message = `${name} no longer has a vote in the engine`;
    const id = `${operationId}-removed-${name}`; // a repeat has nothing new to tell
    await writeEvent(world, { id, cluster, type: 'master.removed', subject: name, cause: operationId, message });
  }
  return { ok: true, pending };
}

/** Its row fails first: whoever asks for a ticket from that machine must get none. */
export async function removeMasterNodes(world: World, input: Input): Promise<Outcome<object>> {
  const { cluster, operationId, doomed } = input;
  if (!(await mayProceed(world, cluster, operationId))) return superseded;
  const engine = await engineOf(world, await requireCluster(world, cluster));
  if (doomed.vmId) await failRow(world, input, doomed.vmId);
  for (const { name, uid } of doomed.nodes) await engine?.removeNode(name, uid);
  return { ok: true };
}

async function failRow(world: World, { cluster, operationId }: Input, vmId: string): Promise<void> {
  const before = (await world.nodes.get(cluster, vmId))?.record.state;
  const now = isoNow(world);
  const [row] = await updateNodes(world, cluster, [vmId], (record) =>
    moveTo(record, 'failed', now, 'it was taken out of the cluster, to be made anew'),
  );
  if (row && row.state !== before) await world.events.append([stateEvent(row, before, { now, cause: operationId })]);
}
