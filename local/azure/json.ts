/** A JSON object from outside, of which nothing is known yet. */
export type JsonObject = { [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const objectAt = (value: unknown, path: string): JsonObject => {
  const found = valueAt(value, path);
  return isObject(found) ? found : {};
};

/** The value at a dotted path; names match without regard to case, as ARM reads property names. */
export function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => {
    if (Array.isArray(at)) return at[Number(name)];
    if (!isObject(at)) return undefined;
    if (name in at) return at[name];
    const key = Object.keys(at).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    return key === undefined ? undefined : at[key];
  }, value);
}

export const textAt = (value: unknown, path: string): string | undefined => {
  const found = valueAt(value, path);
  return typeof found === 'string' ? found : undefined;
};

export const listAt = (value: unknown, path: string): unknown[] => {
  const found = valueAt(value, path);
  return Array.isArray(found) ? found : [];
};

/** JSON merge patch (RFC 7396): what PATCH means for ARM resources. */
export function merged(base: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** Without the named members, at any depth. */
export function without(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !names.includes(key))
      .map(([key, item]) => [key, without(item, names)]),
  );
}
