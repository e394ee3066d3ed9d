import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { missingForRealNodes } from './preflight';
import { localBinary } from './releases';
import { rootFileSystem } from './root-file-system';

/** What real nodes are made of. */
export interface NodeParts {
  /** Root file system of all nodes. */
  base: string;
  /** Of the Docker in it: nodes reach no other. */
  dockerVersion: string;
  /** Binary of k3s that nodes are to find on its release page; without one there is no such page. */
  k3sBinary?: string;
}

export interface NodePartsOptions {
  stateDir: string;
  env: Record<string, string | undefined>;
  say: (line: string) => void;
}

/** This machine cannot run real nodes; the message says why, and what to do. */
export class NoRealNodes extends Error {}

/** Checks whether this machine can run real nodes, and gets what they are made of: the first time takes about a minute. */
export async function prepareRealNodes({ stateDir, env, say }: NodePartsOptions): Promise<NodeParts> {
  const missing = missingForRealNodes(stateDir);
  if (missing.length > 0) throw new NoRealNodes(missing.join('\n'));
  const cacheDir = env['STARLING_NODE_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'starling');
  const binary = env['STARLING_K3S_BINARY'];
  const base = await rootFileSystem({ cacheDir, say, now: new Date() });
  return {
    base,
    dockerVersion: dockerVersionIn(readFileSync(join(base, 'var/lib/dpkg/status'), 'utf8')),
    k3sBinary: binary ? await localBinary(binary, cacheDir) : undefined,
  };
}

/**
 * As Docker calls it, out of the list of installed packages.
 * Sample: `Package: docker.io⏎Status: install ok installed⏎…⏎Version: 20.10.24+dfsg1-1+deb12u1⏎`.
 */
export function dockerVersionIn(packages: string): string {
  const paragraph = packages.split('\n\n').find((each) => each.startsWith('Package: docker.io\n')) ?? '';
  const [, version] = /^Version: (?:\d+:)?(\d+\.\d+\.\d+)/m.exec(paragraph) ?? [];
  if (version) return version;
  throw new NoRealNodes('The root file system has no Docker: delete it from STARLING_NODE_CACHE, it is built anew.');
}
