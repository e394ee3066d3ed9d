import type { ClusterSpec } from './cluster';
import { isSameVersion } from './version';

/** What a changed spec asks for, by the work that it takes. Nothing of it: limits and policies, which are a row only. */
export interface SpecChanges {
  /** What a living cluster cannot have otherwise, and why. */
  immutable: { field: string; reason: string }[];
  /** Fields that a new submission of the template brings to Azure. */
  template: string[];
  version?: string;
  /** VM size of all agents. */
  size?: string;
  agents?: number;
}

const ANEW = 'it is part of what the cluster was made with';
const ON_DISK = 'machines get it when they are made, and masters are not made anew';

const FIXED: [field: string, reason: string, value: (spec: ClusterSpec) => unknown][] = [
  ['engine', ANEW, ({ engine }) => engine],
  ['location', 'nothing moves from one location of Azure to another', ({ location }) => location],
  ['masters.count', 'the members of the quorum are fixed at the first start', ({ masters }) => masters.count],
  ['masters.size', 'masters are not replaced', ({ masters }) => masters.size],
  ['agents.priority', 'Azure fixes it when the scale set is made', ({ agents }) => agents.priority],
  ['storage', 'shares hold data, and machines mount them by name', ({ storage }) => storage],
  ['ssh.publicKey', ON_DISK, ({ ssh }) => ssh?.publicKey],
  ['ssh.port', ON_DISK, ({ ssh }) => ssh?.port],
];

/** Agents that are there keep their price and disk: agents to come have the new one. */
const OF_TEMPLATE: [field: string, value: (spec: ClusterSpec) => unknown][] = [
  ['ingress', ({ ingress }) => ingress],
  ['ssh.from', ({ ssh }) => ssh?.from],
  ['agents.maxPrice', ({ agents }) => agents.maxPrice],
  ['agents.diskGiB', ({ agents }) => agents.diskGiB],
  // Azure's own autoscale has a copy of the limits.
  ['agents.autoscale', ({ agents: { autoscale, min, max } }) => autoscale && { ...autoscale, min, max }],
];

/** Before there are machines only these are settled: Azure has the groups and the shares in their place. */
const SETTLED_BEFORE_MACHINES = new Set(['location', 'storage']);

/** Compares the wish on record with a new one. */
export function compareSpecs(before: ClusterSpec, after: ClusterSpec, hasMachines = true): SpecChanges {
  const differs = (value: (spec: ClusterSpec) => unknown): boolean =>
    JSON.stringify(value(before)) !== JSON.stringify(value(after));
  const immutable = FIXED.filter(([field]) => hasMachines || SETTLED_BEFORE_MACHINES.has(field))
    .filter(([, , value]) => differs(value))
    .map(([field, reason]) => ({ field, reason }));
  return {
    immutable,
    template: OF_TEMPLATE.filter(([, value]) => differs(value)).map(([field]) => field),
    ...(isSameVersion(before.version, after.version) ? {} : { version: after.version }),
    ...(before.agents.size === after.agents.size ? {} : { size: after.agents.size }),
    ...(before.agents.count === after.agents.count ? {} : { agents: after.agents.count }),
  };
}

/** True when only limits and policies changed: the cluster is as it should be. */
export const isPolicyOnly = ({ immutable, template, version, size, agents }: SpecChanges): boolean =>
  immutable.length + template.length === 0 && [version, size, agents].every((change) => change === undefined);
