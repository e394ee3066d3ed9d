import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A JSON file of the app; `{}` where it has none. */
export function readJsonFile(appDir: string, name: string): Record<string, unknown> {
  const file = join(appDir, name);
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${file} is not valid JSON: ${(error as Error).message}`);
  }
}

/** `Values` of local.settings.json; what the environment sets already wins, as in the Core Tools. */
export function applyLocalSettings(appDir: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const values = (readJsonFile(appDir, 'local.settings.json').Values ?? {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(values)) env[name] ??= String(value);
  return Object.fromEntries(Object.keys(values).map((name) => [name, env[name] ?? '']));
}

/** Replaces `%NAME%` in every string by the setting of that name; an unknown name stays as it is, so that it can be named in an error. */
export function resolveSettings<T>(value: T, env: NodeJS.ProcessEnv): T {
  if (typeof value === 'string') return value.replace(/%([^%\s]+)%/g, (all, name: string) => env[name] ?? all) as T;
  if (Array.isArray(value)) return value.map((item) => resolveSettings(item, env) as unknown) as T;
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, resolveSettings(item as unknown, env)]),
    ) as T;
  }
  return value;
}
