import type { KubernetesObject } from '@kubernetes/client-node';
import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import { refuse, type Outcome } from '../../../model/errors';
import { KINDS, kindOf } from './kinds';
import { namespaceOf } from './labels';
import { shapeProblem } from './manifest-shape';

/** More than any application that one would send by hand, and a request of a few seconds. */
const MAX_OBJECTS = 100;
/** A document of a few lines can stand for gigabytes when its aliases are followed. */
const MAX_ALIASES = 100;

/** What is wrong with one document; the message names it. */
class Broken extends Error {}

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

function documentsOf(text: string): { value: unknown; where: string }[] {
  const problem = shapeProblem(text);
  if (problem) throw new Broken(problem);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: true });
  if (!Array.isArray(documents)) return []; // an empty stream
  return documents.flatMap((document, index) => {
    const where = `document ${index + 1} (line ${lines.linePos(document.range?.[0] ?? 0).line})`;
    const value = valueOf(document, where);
    return value === null || value === undefined ? [] : [{ value, where }];
  });
}

function valueOf(document: Document.Parsed, where: string): unknown {
  const [error] = document.errors;
  if (error) throw new Broken(`${where}: ${(error.message.split('\n')[0] ?? '').replace(/:$/, '')}`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    throw new Broken(`${where}: has more aliases than can be followed`);
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
