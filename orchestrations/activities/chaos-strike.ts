import type { ChaosAction, ChaosReport } from '../../shared/model/chaos';
import type { ChaosTarget } from '../../shared/model/chaos-recovery';
import { withProblem, withVictims } from '../../shared/model/chaos-report';
import { AppError, refuse, type Outcome, type Refusal } from '../../shared/model/errors';
import { newGeneration, type NodeRecord } from '../../shared/model/node';
import { stateEvent } from '../../shared/model/observe';
import type { Begun, World } from '../../shared/ports';
import type { ChaosStep, ChaosStrike } from '../contracts';
import { engineOf, isoNow, mayProceed, requireCluster, updateNodes, writeEvent } from './records';

type StrikeInput = ChaosStep & { targets: ChaosTarget[] };

/** What Azure began, for whom, and what it refused. */
interface Deed {
  hit: ChaosTarget[];
  poller: string | null;
  refusal?: Refusal;
}

/**
 * Strikes, without a drain: that is the point. The lever and the lock are read once more right before. A repeat strikes the
 * same machines again, which changes nothing but the time that they are away; a reimage that has booted is left alone.
 */
export async function strikeAgents(world: World, input: StrikeInput): Promise<Outcome<ChaosStrike>> {
  const { cluster, operationId, action, targets } = input;
  if (!(await mayProceed(world, cluster, operationId)))
    return refuse('CANCELLED', 'another operation has taken the cluster over');
  const { halted, reason } = await world.halt.read();
  if (halted) return { ok: true, poller: null, struck: [], halted: reason };
  const struckAt = isoNow(world);
  const deed = await STRIKES[action](world, input);
  await tell(world, input, deed);
  if (deed.refusal && deed.hit.length === 0) return deed.refusal;
  const struck = deed.hit.map(({ vmId }) => vmId);
  const report = withVictims(await requireReport(world, input), struck, (victim) => ({
    ...victim,
    struckAt: victim.struckAt ?? struckAt,
  }));
  await world.chaos.put(withRefusal(report, targets, deed));
  return { ok: true, poller: deed.poller, struck };
}

const STRIKES: Record<ChaosAction, (world: World, input: StrikeInput) => Promise<Deed>> = {
  restart: (world, input) => together(input, (ids) => world.cloud.restartAgents(input.cluster, ids)),
  deallocate: (world, input) =>
    together(input, (ids) => world.cloud.stopAgents(input.cluster, ids, { deallocate: true })),
  delete: (world, input) => together(input, (ids) => world.cloud.deleteAgents(input.cluster, ids)),
  reimage,
  evict,
};

const idsOf = (targets: ChaosTarget[]): string[] => targets.map(({ instanceId }) => instanceId);

async function together(
  { targets }: StrikeInput,
  begin: (instanceIds: string[]) => Promise<Outcome<Begun>>,
): Promise<Deed> {
  const begun = await begin(idsOf(targets));
  return begun.ok ? { hit: targets, poller: begun.poller } : { hit: [], poller: null, refusal: begun };
}

/** An empty disk is a new generation: without it the machine could not join again. */
async function reimage(world: World, input: StrikeInput): Promise<Deed> {
  const rows = await openGenerations(world, input);
  const hasBooted = ({ ticketAttempt, registeredAt }: NodeRecord): boolean => ticketAttempt > 0 || registeredAt !== '';
  const booted = new Set(rows.filter(hasBooted).map(({ vmId }) => vmId));
  const due = input.targets.filter(({ vmId }) => !booted.has(vmId));
  if (due.length === 0) return { hit: input.targets, poller: null };
  const deed = await together({ ...input, targets: due }, (ids) => world.cloud.reimageAgents(input.cluster, ids));
  return deed.refusal ? deed : { ...deed, hit: input.targets };
}

/** Opens each target's new generation, unless that was done before, and takes its old node and password from the engine. */
async function openGenerations(world: World, { cluster, operationId, targets }: StrikeInput): Promise<NodeRecord[]> {
  const now = isoNow(world);
  const before = new Map(targets.map(({ vmId, generation }) => [vmId, generation]));
  const rows = await updateNodes(world, cluster, [...before.keys()], (row) =>
    row.generation === before.get(row.vmId) ? newGeneration(row, now) : undefined,
  );
  const opened = rows.filter(({ since, ticketAttempt }) => since === now && ticketAttempt === 0);
  await world.events.append(opened.map((row) => stateEvent(row, 'ready', { now, cause: operationId })));
  const engine = await engineOf(world, await requireCluster(world, cluster));
  for (const { nodeName, uid } of targets) await engine?.removeNode(nodeName, uid);
  return rows;
}

/** Azure evicts one at a time. */
async function evict(world: World, { cluster, targets }: StrikeInput): Promise<Deed> {
  const deed: Deed = { hit: [], poller: null };
  for (const target of targets) {
    const outcome = await world.cloud.simulateEviction(cluster, target.instanceId);
    if (outcome.ok) deed.hit.push(target);
    else deed.refusal = outcome;
  }
  return deed;
}

const isHit = (deed: Deed, { vmId }: { vmId: string }): boolean => deed.hit.some((hit) => hit.vmId === vmId);

async function tell(world: World, { cluster, operationId, action, targets }: StrikeInput, deed: Deed): Promise<void> {
  for (const target of targets) {
    const what = `${action} of ${target.nodeName}, without a drain`;
    const message = isHit(deed, target) ? what : `${what}, was refused: ${deed.refusal?.message ?? ''}`;
    const type = `chaos.${action}`;
    await writeEvent(world, { cluster, type, subject: target.nodeName, cause: operationId, message });
  }
}

function withRefusal(report: ChaosReport, targets: ChaosTarget[], deed: Deed): ChaosReport {
  const refused = targets.filter((target) => !isHit(deed, target)).map(({ vmId }) => vmId);
  return withVictims(report, refused, (victim) => withProblem(victim, deed.refusal?.message ?? ''));
}

export async function requireReport(
  world: World,
  { cluster, operationId, startedAt }: ChaosStep,
): Promise<ChaosReport> {
  const report = await world.chaos.get({ cluster, id: operationId, startedAt });
  if (!report) throw new AppError('INTERNAL', `the report of ${operationId} is not there`);
  return report;
}
