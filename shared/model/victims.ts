import { isServing, type NodeRecord, type NodeState } from './node';

/** Those that help least go first. */
const ORDER: readonly NodeState[] = ['failed', 'expected', 'booting', 'joining', 'notReady', 'ready'];

/** The vmIds of `count` agents to remove: broken first, then newest; fewer when there are fewer. */
export function chooseVictims(rows: NodeRecord[], count: number): string[] {
  return rows
    .filter((row) => row.role === 'agent' && isServing(row.state))
    .sort(
      (a, b) =>
        ORDER.indexOf(a.state) - ORDER.indexOf(b.state) ||
        b.createdAt.localeCompare(a.createdAt) ||
        b.vmId.localeCompare(a.vmId),
    )
    .slice(0, Math.max(0, count))
    .map((row) => row.vmId);
}
