import type { Engine } from './cluster';

/** What of an engine is data and no behaviour: everything else that tells engines apart is in their adapters. */
export interface EngineTraits {
  /** As it calls itself. */
  title: string;
  /** Of the API on every master. */
  apiPort: number;
  /** How a ticket names a master to join, by its private address. */
  joinAddress: (address: string) => string;
  /** Pinned with each release of Starling: what was stable when the release was made. */
  defaultVersion: string;
  /** A version as the engine's nodes report it, and what it is called at its releases. */
  isRelease: (version: string) => boolean;
  /** Whether a master's report holds for all masters, which share a certificate authority, or for that one alone. */
  reportOf: 'cluster' | 'master';
  /** Nodes are named by their tickets (`ticket`), or by Starling once they have told their id in the engine (`report`). */
  namedBy: 'ticket' | 'report';
  /** The master that begins the cluster sets the token with which the others join; otherwise the engine makes it. */
  isTokenGiven: boolean;
  /** Labels of every master's ticket. */
  masterLabels: Record<string, string>;
  /** systemd units of the engine. */
  units: { master: string; agent: string };
  /** Where all that belongs to a workload is, for a person. */
  homeOf: (workload: string) => string;
}

export const ENGINES: Record<Engine, EngineTraits> = {
  k3s: {
    title: 'k3s',
    apiPort: 6443,
    joinAddress: (address) => `https://${address}:6443`,
    defaultVersion: 'v1.36.2+k3s1',
    isRelease: (version) => /^v?\d+\.\d+\.\d+\+k3s\d+$/.test(version),
    reportOf: 'cluster',
    namedBy: 'ticket',
    isTokenGiven: true,
    // k3s' own load balancer then serves on masters only, whose addresses stay, and not on agents, which come and go.
    masterLabels: { 'svccontroller.k3s.cattle.io/enablelb': 'true' },
    units: { master: 'k3s', agent: 'k3s-agent' },
    homeOf: (workload) => `the namespace starling-${workload}`,
  },
  swarm: {
    title: 'Docker Swarm',
    apiPort: 2376,
    joinAddress: (address) => `${address}:2377`,
    defaultVersion: '29.7.2',
    isRelease: (version) => /^v?\d+\.\d+\.\d+$/.test(version),
    reportOf: 'master',
    namedBy: 'report',
    isTokenGiven: false,
    masterLabels: {},
    units: { master: 'docker', agent: 'docker' },
    homeOf: (workload) => `the stack ${workload}`,
  },
};
