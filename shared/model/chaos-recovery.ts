import type { ChaosReport, ChaosVictim, SteadyState } from './chaos';
import type { ChaosNode } from './chaos-plan';
import { withVictims } from './chaos-report';
import type { NodeRecord } from './node';
import type { MachineView } from './observe';
import type { NodeBefore } from './renewal';

/** A victim as it was right before its strike: by this its return is told from its never having left. */
export interface ChaosTarget extends NodeBefore {
  instanceId: string;
}

/** One look at the cluster after a strike. */
export interface RecoverySight {
  rows: NodeRecord[];
  machines: Pick<MachineView, 'vmId' | 'power' | 'provisioning'>[];
  /** undefined while no master answers: then nothing is concluded from its silence. */
  nodes: ChaosNode[] | undefined;
  steady: SteadyState;
  now: number;
}

interface Seen {
  row: NodeRecord | undefined;
  machine: RecoverySight['machines'][number] | undefined;
  node: ChaosNode | undefined;
}

function seenOf({ vmId }: ChaosTarget, { rows, machines, nodes }: RecoverySight): Seen {
  const row = rows.find((candidate) => candidate.vmId === vmId && candidate.state !== 'gone');
  return {
    row,
    machine: machines.find((candidate) => candidate.vmId === vmId),
    node: row && nodes?.find(({ name }) => name === row.nodeName),
  };
}

/** Starling has noticed: the machine is off or gone, or the node is not ready, not there, or in another boot. */
export function isFelt(target: ChaosTarget, sight: RecoverySight): boolean {
  const { row, machine, node } = seenOf(target, sight);
  if (!row || row.state !== 'ready' || row.generation !== target.generation) return true;
  if (!machine || machine.provisioning === 'deleting' || machine.power !== 'running') return true;
  return sight.nodes !== undefined && (!node || !node.ready || node.bootId !== target.bootId);
}

/** The victim serves anew, in another boot and taking work; or it is gone and there are as many ready agents as wished. */
export function isBack(target: ChaosTarget, sight: RecoverySight): boolean {
  const { row, node } = seenOf(target, sight);
  const { agentsReady, agentsWanted } = sight.steady;
  if (!row) return agentsReady === agentsWanted;
  return row.state === 'ready' && node !== undefined && node.ready && node.schedulable && node.bootId !== target.bootId;
}

/** Writes down what this look has found of those struck together; what was found once stays. */
export function noteRecovery(report: ChaosReport, targets: ChaosTarget[], sight: RecoverySight): ChaosReport {
  const everyoneIsBack = targets.every((target) => isBack(target, sight));
  const noted = targets.reduce(
    (changed, target) =>
      withVictims(changed, [target.vmId], (victim) => {
        const elapsedMs = sight.now - Date.parse(victim.struckAt ?? new Date(sight.now).toISOString());
        return noteVictim(victim, elapsedMs, {
          felt: isFelt(target, sight),
          back: isBack(target, sight),
          steady: everyoneIsBack && sight.steady.holds,
        });
      }),
    report,
  );
  return { ...noted, after: sight.steady };
}

/** Who is back was away, even when no look fell in between. */
function noteVictim(
  victim: ChaosVictim,
  elapsedMs: number,
  seen: { felt: boolean; back: boolean; steady: boolean },
): ChaosVictim {
  const detectedMs = victim.detectedMs ?? (seen.felt || seen.back ? elapsedMs : null);
  const rejoinedMs = victim.rejoinedMs ?? (detectedMs !== null && seen.back ? elapsedMs : null);
  const steadyMs = victim.steadyMs ?? (rejoinedMs !== null && seen.steady ? elapsedMs : null);
  return { ...victim, detectedMs, rejoinedMs, steadyMs };
}

/** All of these have rejoined and the steady state held since. */
export const hasRecovered = (report: ChaosReport, targets: ChaosTarget[]): boolean => {
  const vmIds = new Set(targets.map(({ vmId }) => vmId));
  return report.victims.every(({ vmId, steadyMs }) => !vmIds.has(vmId) || steadyMs !== null);
};
