import type { KubernetesObject } from '@kubernetes/client-node';
import { refuse, type Outcome } from '../../../model/errors';
import { Broken, documentsOf } from '../../manifest-documents';
import { KINDS, kindOf } from './kinds';
import { namespaceOf } from './labels';

/** More than any application that one would send by hand, and a request of a few seconds. */
const MAX_OBJECTS = 100;

/**
 * The objects of an operator's own manifest: YAML or JSON, one document or more, lists taken apart. INVALID_REQUEST names
 * the document and the reason.
 */
export function parseManifest(text: string, workload: string): Outcome<{ objects: KubernetesObject[] }> {
  try {
    const objects = documentsOf(text).flatMap(({ value, where }) => objectsOf(value, where, workload));
    if (objects.length === 0) throw new Broken('there is no object in it');
    if (objects.length > MAX_OBJECTS)
      throw new Broken(`there are ${objects.length} objects in it, ${MAX_OBJECTS} are allowed`);
    requireDistinct(objects);
    return { ok: true, objects };
  } catch (error) {
    if (error instanceof Broken) return refuse('INVALID_REQUEST', `manifest: ${error.message}`);
    throw error;
  }
}

function objectsOf(value: unknown, where: string, workload: string): KubernetesObject[] {
  if (!isObject(value)) throw new Broken(`${where}: is no object`);
  if (value['kind'] === 'List' && value['apiVersion'] === 'v1' && Array.isArray(value['items']))
    return value['items'].flatMap((item, index) => objectsOf(item, `${where}, item ${index + 1}`, workload));
  return [checked(value, where, workload)];
}

function checked(value: Record<string, unknown>, where: string, workload: string): KubernetesObject {
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string') throw new Broken(`${where}: apiVersion is missing`);
  if (typeof kind !== 'string') throw new Broken(`${where}: kind is missing`);
  const metadata = isObject(value['metadata']) ? value['metadata'] : {};
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '') throw new Broken(`${where}: ${kind} has no metadata.name`);
  // It becomes a part of a path, in which these two mean something else. What is wrong with any other, the engine says.
  if (name === '.' || name === '..') throw new Broken(`${where}: ${kind} has the name ${name}, which nothing may have`);
  if (!kindOf({ apiVersion, kind }))
    throw new Broken(
      `${where}: ${kind} of ${apiVersion} is not among what a workload may consist of (${KINDS.map(({ kind }) => kind).join(', ')}); use kubectl for it`,
    );
  const own = namespaceOf(workload);
  if (namespace !== undefined && namespace !== own)
    throw new Broken(
      `${where}: ${kind} ${name} names the namespace ${String(namespace)}; leave it out, a workload has its own: ${own}`,
    );
  return value as KubernetesObject;
}

function requireDistinct(objects: KubernetesObject[]): void {
  const ids = objects.map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice) throw new Broken(`${twice} is in it more than once`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
