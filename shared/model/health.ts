import type { ClusterSpec } from './cluster';
import type { NodeRecord } from './node';
import type { MachineView } from './observe';

interface Health {
  spec: ClusterSpec;
  rows: NodeRecord[];
  machines: MachineView[];
  shortage?: string;
}

/** Agents whose reasons are told; a person reads them. */
const MOST_TOLD = 3;

/** `2 of 3 masters are ready (master1: the virtual machine is deallocated)`; empty when all are. */
export function mastersReason({ spec, rows, machines }: Health): string {
  const wanted = spec.masters.count;
  const masters = new Map(rows.filter(({ role }) => role === 'master').map((row) => [row.instanceId, row]));
  const unwell = Array.from({ length: wanted }, (_, index) => `master${index}`).filter(
    (name) => masters.get(name)?.state !== 'ready',
  );
  const why = unwell.map((name) => `${name}: ${whyUnwell(masters.get(name), machines)}`);
  return unwell.length === 0 ? '' : `${wanted - unwell.length} of ${wanted} masters are ready (${why.join(', ')})`;
}

function whyUnwell(row: NodeRecord | undefined, machines: MachineView[]): string {
  const machine = machines.find(({ vmId }) => vmId === row?.vmId);
  if (!row || !machine) return 'Azure does not list the virtual machine';
  if (machine.power !== 'running' && machine.provisioning !== 'creating')
    return `the virtual machine is ${machine.power}`;
  return row.detail || `it is ${row.state}`;
}

/** `2 of 3 agents are ready: AllocationFailed: no room`; empty when as many are ready as are asked for. */
export function agentsReason({ spec, rows, shortage }: Health): string {
  const agents = rows.filter(({ role }) => role === 'agent');
  const ready = agents.filter(({ state }) => state === 'ready').length;
  const wanted = spec.agents.count;
  if (ready === wanted) return '';
  const failures = agents.filter(({ state }) => state === 'failed').map(({ detail }) => detail);
  const why = [...new Set([shortage ?? '', ...failures])].filter(Boolean).slice(0, MOST_TOLD).join('; ');
  return `${ready} of ${wanted} agents are ready${why && ready < wanted ? `: ${why}` : ''}`;
}

/**
 * What keeps the cluster from its number of agents: what Azure said of those that it could not make, or what it said before,
 * until the number is reached.
 */
export function shortageAfter(before: string, { spec, rows }: Omit<Health, 'machines' | 'shortage'>): string {
  const agents = rows.filter(({ role }) => role === 'agent');
  if (agents.filter(({ state }) => state === 'ready').length >= spec.agents.count) return '';
  const refused = agents.find(({ state, registeredAt, detail }) => state === 'failed' && !registeredAt && detail);
  return refused?.detail ?? before;
}
