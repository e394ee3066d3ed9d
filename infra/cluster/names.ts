import { CLUSTER_TAG, OWNER, OWNER_TAG } from '../../shared/model/cluster';
import type { Tags } from './arm';

/** Names inside a cluster's compute group. They need no prefix: the group is the cluster's own. */
export const NETWORK = 'network';
export const MASTERS_SUBNET = 'masters';
export const AGENTS_SUBNET = 'agents';
export const masterName = (index: number): string => `master${index}`;

/**
 * Addresses. Clear of k3s' pods and services (10.42/16, 10.43/16), of Swarm's default pool (10.0.0.0/8) and, being last
 * of its row, of the networks that Docker takes for itself from 172.17/16 upwards.
 */
export const NETWORK_PREFIX = '172.31.0.0/16';
export const MASTERS_PREFIX = '172.31.0.0/24';
/** 4091 usable addresses: four times the 1000 instances that a scale set may have. */
export const AGENTS_PREFIX = '172.31.16.0/20';

/** Fixed, so that nodes know the masters before DNS does. Azure keeps the first four addresses of a subnet. */
export const masterAddress = (index: number): string => `172.31.0.${10 + index}`;

/** 3 to 24 lower-case letters and digits, unique in all of Azure: so the suffix comes first and is never cut. */
export const storageAccountName = (cluster: string, suffix: string): string =>
  `st${suffix}${cluster.replace(/-/g, '')}`.toLowerCase().slice(0, 24);

export const clusterTags = (cluster: string): Tags => ({ [CLUSTER_TAG]: cluster, [OWNER_TAG]: OWNER });
