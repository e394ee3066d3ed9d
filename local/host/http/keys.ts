import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exchange } from './exchange';

export const SYSTEM_KEYS = ['eventgrid_extension', 'durabletask_extension'] as const;
export type SystemKeyName = (typeof SYSTEM_KEYS)[number];

export interface HostKeys {
  /** Opens everything, and alone the admin routes. */
  master: string;
  /** Host key: opens every function of level `function`. */
  default: string;
  /** One per extension, for its webhook. */
  systemKeys: Record<SystemKeyName, string>;
}

/** 320 bits, safe in a query string. */
const newKey = (): string => randomBytes(40).toString('base64url');

/**
 * Keys of `stateDir/keys.json`, made once and readable by the owner only. Keys that an older file lacks are added.
 * @throws Error naming the file when it is not JSON.
 */
export function loadKeys(stateDir: string, hostKey?: string): HostKeys {
  const file = join(stateDir, 'keys.json');
  const stored = existsSync(file) ? readKeys(file) : {};
  const systemKeys = SYSTEM_KEYS.map((name) => [name, stored.systemKeys?.[name] ?? newKey()] as const);
  const keys: HostKeys = {
    master: stored.master ?? newKey(),
    default: hostKey ?? stored.default ?? newKey(),
    systemKeys: Object.fromEntries(systemKeys) as Record<SystemKeyName, string>,
  };
  if (JSON.stringify(keys) !== JSON.stringify(stored)) writeKeys(file, stateDir, keys);
  return keys;
}

function readKeys(file: string): Partial<HostKeys> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<HostKeys>;
  } catch (error) {
    throw new Error(`${file} is not valid JSON (${(error as Error).message}); delete it and new keys are made.`);
  }
}

function writeKeys(file: string, stateDir: string, keys: HostKeys): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}.new`;
  writeFileSync(fresh, `${JSON.stringify(keys, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, file); // a crash leaves the old file or the new one, never half of one
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Digests have one length, so that the time taken tells neither a key's length nor its beginning. */
function equal(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

/** The key in the header wins over the one in the query. */
export function givenKey({ request, url }: Exchange): string {
  const header = request.headers['x-functions-key'];
  return (Array.isArray(header) ? header[0] : header) || url.searchParams.get('code') || '';
}

/** Whether the request holds one of the keys. All are compared, whichever fits. */
export function holdsKey(exchange: Exchange, accepted: readonly string[]): boolean {
  const given = givenKey(exchange);
  return accepted.map((key) => equal(given, key)).includes(true);
}
