import type { KubernetesObject } from '@kubernetes/client-node';
import { refuse, type Outcome } from '../../../model/errors';
import {
  isReserved,
  SCALABLE_KINDS,
  SINGLE_KINDS,
  type WorkloadChange,
  type WorkloadKind,
} from '../../../model/workload';
import { KINDS, kindOf } from './kinds';
import { belonging } from './labels';
import { parseManifest } from './manifest';
import { global, monitor, registry, replicated } from './own-kinds';
import { stack } from './stack';

const DEFAULT_REPLICAS = 2;

/** The Deployment whose replicas are those of the workload; undefined for kinds that have none. */
export const scaledDeployment = (kind: WorkloadKind): string | undefined =>
  SCALABLE_KINDS.includes(kind) ? 'web' : undefined;

/** Every object of a workload, in its namespace, labelled, in the order in which they are made. */
export function objectsOf(change: WorkloadChange): Outcome<{ objects: KubernetesObject[] }> {
  const { name, kind } = change;
  if (SINGLE_KINDS.includes(kind) && name !== kind)
    return refuse('INVALID_REQUEST', `name: a cluster has one ${kind}, and its name is ${kind}`);
  if (isReserved(change)) return refuse('INVALID_REQUEST', `name: ${name} is the name of the workload of kind ${name}`);
  const made = madeOf(change);
  if (!made.ok) return made;
  const objects = made.objects.map((object) => belonging(object, name));
  return { ok: true, objects: objects.sort((a, b) => rank(a) - rank(b)) };
}

const rank = (object: KubernetesObject): number => KINDS.findIndex((kind) => kind === kindOf(object));

function madeOf({ name, kind, replicas = DEFAULT_REPLICAS, manifest = '', shares = {} }: WorkloadChange): Outcome<{
  objects: KubernetesObject[];
}> {
  switch (kind) {
    case 'manifest':
      return parseManifest(manifest, name);
    case 'monitor':
      return { ok: true, objects: monitor() };
    case 'replicated':
      return { ok: true, objects: replicated(name, replicas) };
    case 'global':
      return { ok: true, objects: global(name) };
    case 'stack':
      return { ok: true, objects: stack(name, replicas, shares['data']) };
    case 'registry': {
      const directory = shares['registry'];
      const missing = 'kind: the registry keeps its images on the share registry, which this cluster does not have';
      return directory ? { ok: true, objects: registry(directory) } : refuse('INVALID_REQUEST', missing);
    }
  }
}

/**
 * What Kubernetes' pod security lets into the namespace: our own kinds need nothing, those on the shared storage a path of
 * the host, and what an operator brings is the operator's to answer for.
 */
export const podSecurityOf = ({ kind, shares = {} }: WorkloadChange): 'restricted' | 'privileged' =>
  kind === 'manifest' || kind === 'registry' || (kind === 'stack' && shares['data']) ? 'privileged' : 'restricted';
