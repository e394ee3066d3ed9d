import { parse } from 'yaml';
import type { KubeObject, NewKubeObject } from './kube-object';
import { badRequest, KubeError } from './status';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** Lists that Kubernetes merges item by item, by the field that tells items apart. Every other list has one owner. */
const KEYS: Record<string, string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['containerPort', 'port', 'name'],
  conditions: ['type'],
  taints: ['key'],
};

/**
 * Server-side apply: what is in the body holds, and what this manager applied before and left out now goes. Fields of others
 * stay. Conflicts between managers are not kept: every call is one with `force`.
 */
export function applied(existing: KubeObject | undefined, body: string, manager: string): NewKubeObject {
  const wanted = parseObject(body);
  requireSchema(wanted);
  const records = existing?.metadata.managedFields ?? [];
  const before = (records.find((record) => record.manager === manager)?.applied ?? {}) as JsonObject;
  const base = (existing ?? { metadata: {} }) as unknown as JsonObject;
  const result = merged(without(base, before, wanted), wanted) as unknown as NewKubeObject;
  const managedFields = [
    ...records.filter((record) => record.manager !== manager),
    { manager, operation: 'Apply' as const, applied: wanted as unknown },
  ];
  return { ...result, metadata: { ...result.metadata, managedFields } };
}

function parseObject(body: string): JsonObject {
  const value = parse(body) as Json;
  if (!isObject(value)) throw badRequest('the body of an apply is an object');
  return value;
}

/**
 * Of the schema, which is not here, the mistake that people make most: `value: 12345` without quotes. Answered as 500 without
 * a reason, and with the value (kubernetes/kubernetes issue 139253).
 */
function requireSchema({ apiVersion, kind, metadata, spec }: JsonObject): void {
  const fault = envFault(spec, '.spec');
  if (fault === undefined) return;
  const { namespace, name } = metadata as { namespace?: string; name?: string };
  const group = String(apiVersion).includes('/') ? apiVersion : `/${String(apiVersion)}`;
  const what = `${namespace}/${name}; ${String(group)}, Kind=${String(kind)}`;
  throw new KubeError(500, '', `failed to create typed patch object (${what}): ${fault}`);
}

const isText = (value: Json | undefined): boolean => typeof (value ?? '') === 'string';

/** The first environment variable below whose value is no text. */
function envFault(value: Json | undefined, path: string): string | undefined {
  if (!isObject(value)) return undefined;
  for (const [field, inner] of Object.entries(value)) {
    const items = Array.isArray(inner) ? inner.filter(isObject) : [];
    const wrong = field === 'env' ? items.find(({ value: given }) => !isText(given)) : undefined;
    if (wrong)
      return `${path}.env[name="${String(wrong['name'])}"].value: expected string, got &value.valueUnstructured{Value:${String(wrong['value'])}}`;
    const below = items.map((item) => envFault(item, `${path}.${field}[name="${String(item['name'])}"]`));
    const fault = below.find((text) => text !== undefined) ?? envFault(inner, `${path}.${field}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const keyOf = (item: Json, list: string): string | undefined => {
  const field = isObject(item) ? KEYS[list]?.find((key) => key in item) : undefined;
  return field && isObject(item) ? `${field}=${String(item[field])}` : undefined;
};

const isKeyed = (value: Json | undefined, list: string): value is Json[] =>
  Array.isArray(value) && value.every((item) => keyOf(item, list) !== undefined);

/** `target` without what was in `before` and is not in `after`. */
function without(target: JsonObject, before: JsonObject, after: JsonObject): JsonObject {
  const result = { ...target };
  for (const [field, old] of Object.entries(before)) {
    const [now, current] = [after[field], result[field]];
    if (now === undefined) delete result[field];
    else if (isObject(old) && isObject(now) && isObject(current)) result[field] = without(current, old, now);
    else if (isKeyed(old, field) && isKeyed(now, field) && isKeyed(current, field))
      result[field] = withoutItems(current, { old, now, list: field });
  }
  return result;
}

function withoutItems(current: Json[], { old, now, list }: { old: Json[]; now: Json[]; list: string }): Json[] {
  const find = (items: Json[], item: Json): Json | undefined =>
    items.find((other) => keyOf(other, list) === keyOf(item, list));
  return current.flatMap((item) => {
    const [before, after] = [find(old, item), find(now, item)];
    if (before === undefined) return [item];
    if (after === undefined) return [];
    return isObject(item) && isObject(before) && isObject(after) ? [without(item, before, after)] : [item];
  });
}

function merged(target: JsonObject, wanted: JsonObject): JsonObject {
  const result = { ...target };
  for (const [field, value] of Object.entries(wanted)) {
    const current = result[field];
    if (isObject(value)) result[field] = merged(isObject(current) ? current : {}, value);
    else if (isKeyed(value, field) && isKeyed(current, field)) result[field] = mergedItems(current, value, field);
    else result[field] = value;
  }
  return result;
}

function mergedItems(current: Json[], wanted: Json[], list: string): Json[] {
  const others = current.filter((item) => !wanted.some((one) => keyOf(one, list) === keyOf(item, list)));
  const own = wanted.map((item) => {
    const known = current.find((one) => keyOf(one, list) === keyOf(item, list));
    return isObject(known) && isObject(item) ? merged(known, item) : item;
  });
  return [...own, ...others];
}
