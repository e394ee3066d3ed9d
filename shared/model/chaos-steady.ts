import type { SteadyState } from './chaos';
import type { ClusterPhase, ClusterSpec } from './cluster';
import type { NodeRecord } from './node';

/** What the hypothesis looks at. */
export interface SteadySight {
  spec: ClusterSpec;
  /** After a look. */
  rows: NodeRecord[];
  /** Work that should run and does not; undefined when the engine does not answer. */
  pending: number | undefined;
}

/** The steady-state hypothesis: masters and agents ready as wished, no work waiting, and an engine that answers. */
export function steadyState({ spec, rows, pending }: SteadySight): SteadyState {
  const ready = rows.filter(({ state }) => state === 'ready');
  const seen = {
    agentsReady: ready.filter(({ role }) => role === 'agent').length,
    agentsWanted: spec.agents.count,
    mastersReady: ready.filter(({ role }) => role === 'master').length,
    mastersWanted: spec.masters.count,
    pending: pending ?? 0,
  };
  const reason = whyNot(seen, pending !== undefined);
  return { holds: reason === '', ...seen, reason };
}

type Seen = Omit<SteadyState, 'holds' | 'reason'>;

function whyNot(seen: Seen, engineAnswers: boolean): string {
  const reasons = nodeReasons(seen, engineAnswers);
  if (seen.pending > 0) reasons.push(`${seen.pending} replicas wait for a node or for their start`);
  return reasons.join(', ');
}

function nodeReasons(seen: Seen, engineAnswers: boolean): string[] {
  const { agentsReady, agentsWanted, mastersReady, mastersWanted } = seen;
  const reasons: string[] = [];
  if (!engineAnswers) reasons.push('no master answers');
  if (mastersReady !== mastersWanted) reasons.push(`${mastersReady} of ${mastersWanted} masters are ready`);
  if (agentsReady !== agentsWanted) reasons.push(`${agentsReady} of ${agentsWanted} agents are ready`);
  return reasons;
}

/** The cluster's phase as this look leaves it: work that waits is no fault of the cluster. */
export function healthOf(sight: SteadySight): { phase: ClusterPhase; phaseReason: string } {
  const reasons = nodeReasons(steadyState(sight), sight.pending !== undefined);
  return { phase: reasons.length === 0 ? 'ready' : 'degraded', phaseReason: reasons.join(', ') };
}
