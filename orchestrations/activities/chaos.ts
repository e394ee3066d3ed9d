import type { ChaosReport } from '../../shared/model/chaos';
import { whySpared } from '../../shared/model/chaos-plan';
import { hasRecovered, isBack, noteRecovery, type ChaosTarget } from '../../shared/model/chaos-recovery';
import { concluded, draftReport, haltReason, withProblem, withVictims } from '../../shared/model/chaos-report';
import { healthOf, steadyState, type SteadySight } from '../../shared/model/chaos-steady';
import { AppError } from '../../shared/model/errors';
import type { EnginePort, World } from '../../shared/ports';
import type { ChaosAim, ChaosInput, ChaosPlan, ChaosStep, ChaosVerdictWithReason, ChaosWatch } from '../contracts';
import { requireReport } from './chaos-strike';
import { look, viewOf, type Look } from './observation';
import { isoNow, writeEvent } from './records';

export { strikeAgents } from './chaos-strike';

/** Looks, decides, and writes the report's row. */
export async function planChaos(world: World, input: ChaosInput): Promise<ChaosPlan> {
  const { cluster, operationId, request, cause } = input;
  const seen = await look(world, cluster, operationId);
  const sight = await sightOf(seen);
  const startedAt = (await world.operations.get(operationId))?.record.startedAt ?? isoNow(world);
  const { report, concurrency } = draftReport(
    { id: operationId, cluster, request, cause, startedAt },
    { ...sight, nodes: seen.engineNodes ?? [], halted: await haltOf(world), now: world.clock.now() },
  );
  await world.chaos.put(report);
  if (report.verdict !== 'running') await tell(world, report);
  return {
    step: { cluster, operationId, action: request.action, startedAt },
    verdict: report.verdict,
    reason: report.reason,
    vmIds: report.victims.map(({ vmId }) => vmId),
    concurrency,
    health: healthOf(sight),
  };
}

/** The reason of the halt lever, undefined when it is not pulled. */
async function haltOf(world: World): Promise<string | undefined> {
  const { halted, reason } = await world.halt.read();
  return halted ? reason : undefined;
}

const sightOf = async ({ record, rows, engine, engineNodes }: Look): Promise<SteadySight> => ({
  spec: record.spec,
  rows,
  pending: engineNodes && (await countPending(engine)),
});

async function countPending(engine: EnginePort | undefined): Promise<number | undefined> {
  try {
    return await engine?.countPending();
  } catch (error) {
    if (error instanceof AppError && error.code === 'ENGINE_UNREACHABLE') return undefined;
    throw error;
  }
}

/** Looks right before a strike: who may still be struck, and as what they will be missed. */
export async function aimChaos(world: World, input: ChaosStep & { vmIds: string[] }): Promise<ChaosAim> {
  const { cluster, operationId, vmIds } = input;
  const seen = await look(world, cluster, operationId);
  const sight = await sightOf(seen);
  const health = healthOf(sight);
  const report = await requireReport(world, input);
  const stop = stopOf(report, await haltOf(world), steadyState(sight).reason);
  if (stop) return { targets: [], stop, health };
  const { targets, spared } = sortOut(vmIds, seen, world.clock.now());
  if (spared.size > 0)
    await world.chaos.put(
      withVictims(report, [...spared.keys()], (victim) => withProblem(victim, `spared: ${spared.get(victim.vmId)}`)),
    );
  return { targets, health };
}

function stopOf(
  report: ChaosReport,
  halted: string | undefined,
  notSteady: string,
): ChaosVerdictWithReason | undefined {
  if (halted !== undefined) return { verdict: 'halted', reason: haltReason(halted) };
  if (!notSteady) return undefined;
  const hasStruck = report.victims.some(({ struckAt }) => struckAt !== null);
  return { verdict: hasStruck ? 'deviated' : 'skipped', reason: `the steady state does not hold: ${notSteady}` };
}

function sortOut(
  vmIds: string[],
  { rows, engineNodes = [] }: Look,
  now: number,
): { targets: ChaosTarget[]; spared: Map<string, string> } {
  const targets: ChaosTarget[] = [];
  const spared = new Map<string, string>();
  for (const vmId of vmIds) {
    const row = rows.find((candidate) => candidate.vmId === vmId);
    const node = engineNodes.find(({ name }) => name === row?.nodeName);
    const why = row ? whySpared(row, node, now) : 'gone';
    if (why || !row || !node) spared.set(vmId, why);
    else {
      const { nodeName, instanceId, generation } = row;
      targets.push({ vmId, nodeName, instanceId, generation, nodeUid: node.uid, bootId: node.bootId });
    }
  }
  return { targets, spared };
}

/** One look after a strike; writes down what it finds. */
export async function watchRecovery(
  world: World,
  input: ChaosStep & { targets: ChaosTarget[]; poller: string | null },
): Promise<ChaosWatch> {
  const { cluster, operationId, targets } = input;
  const azure = await pollStrike(world, input.poller);
  const seen = await look(world, cluster, operationId);
  const steadySight = await sightOf(seen);
  const steady = steadyState(steadySight);
  const sight = { ...seen, nodes: seen.engineNodes, steady, now: world.clock.now() };
  const noted = noteRecovery(await requireReport(world, input), targets, sight);
  const vmIds = targets.map(({ vmId }) => vmId);
  const report = azure.failure
    ? withVictims(noted, vmIds, (victim) => withProblem(victim, azure.failure ?? ''))
    : noted;
  await world.chaos.put(report);
  const missing = targets.filter((target) => !isBack(target, sight)).map(({ nodeName }) => nodeName);
  const halted = await haltOf(world);
  return {
    view: viewOf(seen),
    recovered: hasRecovered(report, targets),
    back: targets.length - missing.length,
    poller: azure.poller,
    missing: missing.length > 0 ? `${missing.join(', ')} did not come back` : steady.reason,
    health: healthOf(steadySight),
    ...(halted === undefined ? {} : { halted }),
  };
}

/** What Azure says of its own work on the strike: a failure is the victims' problem, which the deadline judges. */
async function pollStrike(world: World, poller: string | null): Promise<{ poller: string | null; failure?: string }> {
  if (poller === null) return { poller };
  const polled = await world.cloud.poll(poller);
  if (polled.state === 'running') return { poller };
  return polled.state === 'failed' ? { poller: null, failure: polled.message } : { poller: null };
}

/** The verdict of a run that has begun; a repeat changes nothing. */
export async function concludeChaos(world: World, input: ChaosStep & ChaosVerdictWithReason): Promise<void> {
  const { verdict, reason } = input;
  const report = concluded(await requireReport(world, input), { verdict, reason, at: isoNow(world) });
  await world.chaos.put(report);
  await tell(world, report);
}

/** `chaos.passed`, once: the id has no time of its own. */
async function tell(world: World, { id, cluster, verdict, reason, endedAt }: ChaosReport): Promise<void> {
  const message = `chaos ${verdict}${reason ? `: ${reason}` : ''}`;
  const eventId = `${endedAt ?? isoNow(world)}-${id}-${verdict}`;
  await writeEvent(world, { id: eventId, cluster, type: `chaos.${verdict}`, subject: id, cause: id, message });
}
