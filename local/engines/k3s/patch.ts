import { KubeError, badRequest } from './status';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** Applies a PATCH body to an object by the rules of its media type; the input is left as it is. */
export function patched<T extends object>(target: T, contentType: string, body: string): T {
  const original = structuredClone(target) as unknown as JsonObject;
  const apply = PATCHES[contentType.split(';')[0]?.trim() ?? ''];
  if (!apply)
    throw new KubeError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - ${contentType}`,
    );
  return apply(original, body) as unknown as T;
}

const PATCHES: Record<string, (target: JsonObject, body: string) => JsonObject> = {
  'application/merge-patch+json': (target, body) => merged(target, jsonObject(body)),
  'application/strategic-merge-patch+json': (target, body) => strategicallyMerged(target, jsonObject(body)),
  'application/json-patch+json': jsonPatched,
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function jsonObject(body: string): JsonObject {
  try {
    const value = JSON.parse(body) as Json;
    if (isObject(value)) return value;
  } catch {
    // answered below, like every other body that is no object
  }
  throw badRequest('the patch is not a JSON object');
}

/** RFC 7396. */
function merged(target: JsonObject, patch: JsonObject): JsonObject {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = isObject(value) ? merged(isObject(result[key]) ? result[key] : {}, value) : value;
  }
  return result;
}

/** Lists that Kubernetes merges by a key; every other list is replaced. */
const MERGE_KEYS: Record<string, string> = {
  taints: 'key',
  conditions: 'type',
  addresses: 'type',
  ownerReferences: 'uid',
};

function strategicallyMerged(target: JsonObject, patch: JsonObject): JsonObject {
  const result = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    const mergeKey = MERGE_KEYS[key];
    if (value === null) delete result[key];
    else if (isObject(value)) result[key] = strategicallyMerged(isObject(result[key]) ? result[key] : {}, value);
    else if (mergeKey && Array.isArray(value)) result[key] = mergedList(result[key], value, mergeKey);
    else result[key] = value;
  }
  return result;
}

function mergedList(target: Json | undefined, patch: Json[], key: string): Json[] {
  let result = Array.isArray(target) ? [...target] : [];
  for (const item of patch) {
    if (!isObject(item)) continue;
    if (item.$patch === 'replace') return patch.filter((other) => other !== item);
    const at = result.findIndex((existing) => isObject(existing) && existing[key] === item[key]);
    if (item.$patch === 'delete') result = result.filter((_, index) => index !== at);
    else if (at < 0) result.push(item);
    else result[at] = strategicallyMerged(result[at] as JsonObject, item);
  }
  return result;
}

interface Operation {
  op: 'add' | 'replace' | 'remove' | 'test';
  path: string;
  value?: Json;
}

/** RFC 6902 without move and copy. */
function jsonPatched(target: JsonObject, body: string): JsonObject {
  const operations = JSON.parse(body) as Operation[];
  if (!Array.isArray(operations)) throw badRequest('a JSON patch is a list of operations');
  for (const operation of operations) applyOperation(target, operation);
  return target;
}

function applyOperation(target: JsonObject, { op, path, value = null }: Operation): void {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop() ?? '';
  let parent: Json | undefined = target;
  for (const step of steps) parent = child(parent, step);
  if (!Array.isArray(parent) && !isObject(parent)) throw unprocessable(path);
  const present = child(parent, last) !== undefined;
  if (op !== 'add' && !present) throw unprocessable(path);
  if (op === 'test') {
    if (JSON.stringify(child(parent, last)) !== JSON.stringify(value)) throw unprocessable(path);
  } else if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    parent.splice(index, op === 'add' ? 0 : 1, ...(op === 'remove' ? [] : [value]));
  } else if (op === 'remove') delete parent[last];
  else parent[last] = value;
}

function child(parent: Json | undefined, step: string): Json | undefined {
  if (Array.isArray(parent)) return parent[Number(step)];
  return isObject(parent) ? parent[step] : undefined;
}

const unprocessable = (path: string): KubeError =>
  new KubeError(422, 'Invalid', `the server rejected our request due to an error in our request: path "${path}"`);
