/** A release of an engine; `build` is 0 where it has none. */
interface Release {
  family: 'k3s' | 'docker';
  major: number;
  minor: number;
  patch: number;
  build: number;
}

/** `v1.36.2+k3s1`: Kubernetes 1.36.2, packed by k3s for the first time. */
const K3S = /^v?(\d+)\.(\d+)\.(\d+)\+k3s(\d+)$/;
/** `29.7.2` as Docker names it, `20.10.24+dfsg1` as Debian's own package does. */
const DOCKER = /^v?(\d+)\.(\d+)\.(\d+)(?:\+dfsg\d+)?$/;
const EXAMPLE = { k3s: 'k3s such as v1.36.2+k3s1', docker: 'Docker such as 29.7.2' };

function releaseOf(version: string): Release | undefined {
  const family = K3S.test(version) ? 'k3s' : 'docker';
  const [, ...parts] = K3S.exec(version) ?? DOCKER.exec(version) ?? [];
  if (parts.length < 3) return undefined;
  const [major = 0, minor = 0, patch = 0, build = 0] = parts.map(Number);
  return { family, major, minor, patch, build };
}

/** As the engine's releases are called: k3s with a `v`, Docker without, and without what a distribution adds. */
export function canonicalVersion(version: string): string {
  const release = releaseOf(version);
  if (!release) return version;
  const { family, major, minor, patch, build } = release;
  return family === 'k3s' ? `v${major}.${minor}.${patch}+k3s${build}` : `${major}.${minor}.${patch}`;
}

export const isSameVersion = (one: string, other: string): boolean => canonicalVersion(one) === canonicalVersion(other);

/** Negative when `one` is older. Both must be releases. */
function compare(one: Release, other: Release): number {
  return one.major - other.major || one.minor - other.minor || one.patch - other.patch || one.build - other.build;
}

/**
 * Why a cluster may not go from one version to another, for a person; undefined when it may. No engine's data can go back,
 * and Kubernetes does not support the leap over a minor version (its version skew policy); Docker's API and Swarm's store
 * bear one. The same version is no problem, and nothing to do.
 */
export function upgradeProblem(from: string, to: string): string | undefined {
  const [before, after] = [releaseOf(from), releaseOf(to)];
  if (!before) return `the present version ${from} cannot be compared with ${to}`;
  if (after?.family !== before.family) return `${to} is not a release of ${EXAMPLE[before.family]}`;
  if (compare(after, before) < 0)
    return `${to} is older than ${from}: the engine's data cannot go back; deploy a new cluster for that`;
  return before.family === 'k3s' ? skewProblem(before, after, { from, to }) : undefined;
}

function skewProblem(before: Release, after: Release, { from, to }: { from: string; to: string }): string | undefined {
  if (after.major !== before.major) return `${to} is another major version than ${from}`;
  if (after.minor > before.minor + 1)
    return `${to} leaves out a minor version after ${from}: go to ${before.major}.${before.minor + 1} first`;
  return undefined;
}
