import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EXIT } from './exit-codes';
import { Failure, usage } from './failure';
import { entraHeader } from './sign-in';

/** Where Starling is, and how a request shows who is asking. */
export interface Connection {
  /** Without a slash at the end. */
  url: string;
  isLocal: boolean;
  authorize(): Promise<Record<string, string>>;
}

export type Environment = Record<string, string | undefined>;

/**
 * STARLING_URL with STARLING_KEY or, without a key, Entra ID for STARLING_RESOURCE; else a Starling on this machine,
 * found by the local.json that `npm start` writes. `home` is the clone that this program belongs to.
 */
export function findStarling(env: Environment, cwd: string, home: string): Connection {
  const url = env['STARLING_URL'];
  return url ? remote(url, env) : local(env, cwd, home);
}

function remote(text: string, env: Environment): Connection {
  const url = parseUrl(text);
  const key = env['STARLING_KEY'];
  const resource = env['STARLING_RESOURCE'];
  if (!key && !resource)
    throw new Failure(
      'NO_KEY',
      'STARLING_URL is set, but neither STARLING_KEY nor STARLING_RESOURCE',
      'set STARLING_KEY to a function key, or STARLING_RESOURCE to api://… of the app and sign in with az login',
      EXIT.refused,
    );
  refuseEavesdroppers(url);
  const authorize = key ? async () => keyHeader(key) : () => entraHeader(resource!);
  return { url: withoutSlash(url), isLocal: isLoopback(url), authorize };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw usage(
    'STARLING_URL is not the address of a Starling',
    'give it as https://HOST, without a key in it; the key goes into STARLING_KEY',
  );
}

const withoutSlash = ({ origin, pathname }: URL): string =>
  (origin + pathname).replace(/\/+$/, '').replace(/\/api$/, '');
const keyHeader = (key: string): Record<string, string> => ({ 'x-functions-key': key });
const isLoopback = ({ hostname }: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

/** Whoever holds a key holds every cluster: it never crosses a network in clear text. */
function refuseEavesdroppers(url: URL): void {
  if (url.protocol === 'https:' || isLoopback(url)) return;
  throw usage(`${url.origin} is plain http: everybody on the way could read the key`, 'use https in STARLING_URL');
}

function local(env: Environment, cwd: string, home: string): Connection {
  const stateDir = env['STARLING_STATE_DIR'];
  const folders = stateDir
    ? [resolve(cwd, stateDir)]
    : [...upwards(cwd), home].map((folder) => join(folder, '.starling'));
  const file = folders.map((folder) => join(folder, 'local.json')).find((path) => existsSync(path));
  if (!file)
    throw new Failure(
      'NO_STARLING',
      stateDir
        ? `there is no running Starling in ${stateDir}`
        : 'no Starling was found: STARLING_URL is not set, and none runs here',
      'start one with npm start, or set STARLING_URL and STARLING_KEY',
      EXIT.unavailable,
    );
  const { appUrl, key } = readAddress(file);
  const url = parseUrl(appUrl);
  refuseEavesdroppers(url);
  return { url: withoutSlash(url), isLocal: true, authorize: async () => keyHeader(key) };
}

function* upwards(folder: string): Generator<string> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    yield at;
    if (at === dirname(at)) return;
  }
}

function readAddress(file: string): { appUrl: string; key: string } {
  try {
    const { appUrl, key } = JSON.parse(readFileSync(file, 'utf8')) as { appUrl: string; key: string };
    if (typeof appUrl === 'string' && typeof key === 'string') return { appUrl, key };
  } catch {
    // half written or damaged: the same advice as for one without these fields
  }
  throw new Failure('NO_STARLING', `${file} cannot be read`, 'start Starling again with npm start', EXIT.unavailable);
}
