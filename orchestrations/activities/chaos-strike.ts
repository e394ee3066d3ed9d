import type { ChaosAction, ChaosReport } from '../../shared/model/chaos';
import type { ChaosTarget } from '../../shared/model/chaos-recovery';
import { withProblem, withVictims } from '../../shared/model/chaos-report';
import { AppError, refuse, type Outcome, type Refusal } from '../../shared/model/errors';
import type { Begun, World } from '../../shared/ports';
import type { ChaosStep, ChaosStrike } from '../contracts';
import { isoNow, mayProceed, writeEvent } from './records';
import { renewMachines } from './renewal';

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
  restart: (world, input) => renew(world, input, 'restart'),
  reimage: (world, input) => renew(world, input, 'reimage'),
  deallocate: (world, input) =>
    together(input, (ids) => world.cloud.stopAgents(input.cluster, ids, { deallocate: true })),
  delete: remove,
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

/** Azure may give an instance id again: a repeat must not delete who has it now. */
async function remove(world: World, input: StrikeInput): Promise<Deed> {
  const wanted = new Set(input.targets.map(({ vmId }) => vmId));
  const machines = await world.cloud.listMachines(input.cluster);
  const ids = machines.filter(({ vmId }) => wanted.has(vmId)).map(({ instanceId }) => instanceId);
  if (ids.length === 0) return { hit: input.targets, poller: null };
  return together(input, () => world.cloud.deleteAgents(input.cluster, ids));
}

/** As every restart and reimage, which opens the new generation without which the machine could not join again. */
async function renew(
  world: World,
  { cluster, operationId, targets }: StrikeInput,
  action: 'restart' | 'reimage',
): Promise<Deed> {
  const begun = await renewMachines(world, { cluster, operationId, action, nodes: targets });
  return begun.ok ? { hit: targets, poller: begun.pollers[0] ?? null } : { hit: [], poller: null, refusal: begun };
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
