import type { ChaosReport, ChaosVerdict, ChaosVictim, SteadyState } from './chaos';
import { eligibleAgents, planStrikes, type ChaosNode } from './chaos-plan';
import { steadyState, type SteadySight } from './chaos-steady';
import type { NodeRecord } from './node';

/** Who wants which run. */
export type ChaosOrder = Pick<ChaosReport, 'id' | 'cluster' | 'request' | 'cause' | 'startedAt'>;

export interface ChaosSituation extends SteadySight {
  nodes: ChaosNode[];
  /** Why automation is halted; undefined when it is not. */
  halted: string | undefined;
  now: number;
}

const TERMINAL: ReadonlySet<ChaosVerdict> = new Set([
  'planned',
  'skipped',
  'halted',
  'passed',
  'deviated',
  'cancelled',
]);

/**
 * Decides before anything is touched: `running` with its victims, or a verdict that ends the run here. `concurrency` is how
 * many may be struck at once.
 */
export function draftReport(
  order: ChaosOrder,
  situation: ChaosSituation,
): { report: ChaosReport; concurrency: number } {
  const before = steadyState(situation);
  const { eligible, spared } = eligibleAgents(situation.rows, situation.nodes, situation.now);
  const { victims, concurrency, notes } = planStrikes(order.request, eligible, before.agentsReady);
  const obstacle = obstacleOf(order, situation, before) ?? (victims.length === 0 ? skipped(notes, spared) : undefined);
  const verdict = obstacle?.verdict ?? (order.request.dryRun ? 'planned' : 'running');
  const report: ChaosReport = {
    ...order,
    verdict,
    reason: obstacle?.reason ?? notes.join('; '),
    endedAt: TERMINAL.has(verdict) ? new Date(situation.now).toISOString() : null,
    before,
    after: null,
    eligible: eligible.map(({ nodeName }) => nodeName),
    victims: obstacle ? [] : victims.map(planned),
  };
  return { report, concurrency };
}

type Obstacle = { verdict: 'halted' | 'skipped'; reason: string };

function obstacleOf(
  { request }: ChaosOrder,
  { halted, spec }: ChaosSituation,
  before: SteadyState,
): Obstacle | undefined {
  if (halted !== undefined) return { verdict: 'halted', reason: haltReason(halted) };
  if (request.action === 'evict' && spec.agents.priority !== 'Spot')
    return { verdict: 'skipped', reason: 'Azure evicts Spot machines only, and these agents are Regular' };
  if (!before.holds) return { verdict: 'skipped', reason: `the steady state does not hold: ${before.reason}` };
  return undefined;
}

export const haltReason = (reason: string): string => `automation is halted${reason ? `: ${reason}` : ''}`;

function skipped(notes: string[], spared: Map<string, number>): Obstacle {
  const why = [...spared].map(([reason, count]) => `${count} ${reason}`).join(', ');
  return { verdict: 'skipped', reason: notes.join('; ') + (why ? ` (${why})` : '') };
}

const planned = ({ nodeName, vmId, instanceId }: NodeRecord): ChaosVictim => ({
  nodeName,
  vmId,
  instanceId,
  struckAt: null,
  detectedMs: null,
  rejoinedMs: null,
  steadyMs: null,
  problem: '',
});

/** Changes some victims of a report. */
export function withVictims(
  report: ChaosReport,
  vmIds: readonly string[],
  change: (victim: ChaosVictim) => ChaosVictim,
): ChaosReport {
  const wanted = new Set(vmIds);
  return { ...report, victims: report.victims.map((victim) => (wanted.has(victim.vmId) ? change(victim) : victim)) };
}

/** Longer reasons of Azure belong to the event; a report of a thousand victims has to fit its row. */
const MAX_PROBLEM = 300;

export const withProblem = (victim: ChaosVictim, problem: string): ChaosVictim =>
  victim.problem ? victim : { ...victim, problem: problem.slice(0, MAX_PROBLEM) };

/** A report that has its verdict keeps it: a repeat changes nothing. */
export function concluded(
  report: ChaosReport,
  { verdict, reason, at }: { verdict: ChaosVerdict; reason: string; at: string },
): ChaosReport {
  if (report.verdict !== 'running') return report;
  const reasons = [reason, report.reason].filter(Boolean).join('; ');
  return { ...report, verdict, reason: reasons, endedAt: at };
}
