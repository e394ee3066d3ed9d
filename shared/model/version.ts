/** A release of k3s, `v1.36.2+k3s1`: Kubernetes 1.36.2, packed for the first time. */
interface Release {
  major: number;
  minor: number;
  patch: number;
  build: number;
}

const RELEASE = /^v?(\d+)\.(\d+)\.(\d+)\+k3s(\d+)$/;

function releaseOf(version: string): Release | undefined {
  const [, ...parts] = RELEASE.exec(version) ?? [];
  if (parts.length < 4) return undefined;
  const [major = 0, minor = 0, patch = 0, build = 0] = parts.map(Number);
  return { major, minor, patch, build };
}

/** As k3s writes it, with its `v`. */
export const canonicalVersion = (version: string): string => (version.startsWith('v') ? version : `v${version}`);

export const isSameVersion = (one: string, other: string): boolean => canonicalVersion(one) === canonicalVersion(other);

/** Negative when `one` is older. Both must be releases. */
function compare(one: Release, other: Release): number {
  return one.major - other.major || one.minor - other.minor || one.patch - other.patch || one.build - other.build;
}

/**
 * Why a cluster may not go from one version to another, for a person; undefined when it may. Kubernetes supports neither a
 * step back nor the leap over a minor version (its version skew policy); the same version is no problem, and nothing to do.
 */
export function upgradeProblem(from: string, to: string): string | undefined {
  const [before, after] = [releaseOf(from), releaseOf(to)];
  if (!after) return `${to} is not a release of k3s such as v1.36.2+k3s1`;
  if (!before) return `the present version ${from} cannot be compared with ${to}`;
  if (compare(after, before) < 0)
    return `${to} is older than ${from}: the engine's data cannot go back; deploy a new cluster for that`;
  if (after.major !== before.major) return `${to} is another major version than ${from}`;
  if (after.minor > before.minor + 1)
    return `${to} leaves out a minor version after ${from}: go to ${before.major}.${before.minor + 1} first`;
  return undefined;
}
