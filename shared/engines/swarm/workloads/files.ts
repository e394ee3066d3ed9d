import { randomBytes } from 'node:crypto';
import { refuse, type Outcome } from '../../../model/errors';
import { isReserved, SINGLE_KINDS, type WorkloadChange, type WorkloadKind } from '../../../model/workload';
import { readCompose } from './compose/read';
import type { Variables } from './compose/interpolate';
import type { ComposeFile } from './compose/schema';
import global from './manifests/global.yaml';
import monitor from './manifests/monitor.yaml';
import registry from './manifests/registry.yaml';
import replicated from './manifests/replicated.yaml';
import stack from './manifests/stack.yaml';

/** Compose files of our own kinds, as `docker stack deploy` would take them too. */
const FILES: Record<Exclude<WorkloadKind, 'manifest'>, string> = { global, monitor, registry, replicated, stack };

/** What of the swarm decides how a workload is made. */
export interface Surroundings {
  /** Nobody else publishes port 80, the one way in from outside. */
  isWebFree: boolean;
  /** Of the monitor that there is. */
  password: string | undefined;
}

/** The Compose file of a workload with its variables filled in. A manifest has none: there is no environment to take them from. */
export function fileOf(change: WorkloadChange, around: Surroundings): Outcome<{ file: ComposeFile }> {
  const { name, kind, manifest = '' } = change;
  if (SINGLE_KINDS.includes(kind) && name !== kind)
    return refuse('INVALID_REQUEST', `name: a cluster has one ${kind}, and its name is ${kind}`);
  if (isReserved(change)) return refuse('INVALID_REQUEST', `name: ${name} is the name of the workload of kind ${name}`);
  if (kind === 'manifest') return readCompose(manifest);
  if (kind === 'registry' && !change.shares?.['registry'])
    return refuse(
      'INVALID_REQUEST',
      'kind: the registry keeps its images on the share registry, which this cluster does not have',
    );
  return readCompose(FILES[kind], variablesOf(change, around));
}

function variablesOf({ name, shares = {} }: WorkloadChange, { isWebFree, password }: Surroundings): Variables {
  return {
    WORKLOAD: name,
    PORT: isWebFree ? '80' : '0',
    PASSWORD: password ?? randomBytes(18).toString('base64url'),
    ...(shares['registry'] && { IMAGES: shares['registry'] }),
    ...(shares['data'] && { DATA: shares['data'], DATA_OWNER: '0' }),
  };
}
