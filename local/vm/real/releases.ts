import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Handler } from '../../azure/http';
import { shortHash } from './places';

/** Where nodes look for releases of k3s. */
export const RELEASES_HOST = 'github.com';
const PAGE = /^\/k3s-io\/k3s\/releases\/download\/[^/]+\/([^/]+)$/;

/** Where the binary is on this machine: a path as it is; what a URL leads to is downloaded once. */
export async function localBinary(pathOrUrl: string, cacheDir: string): Promise<string> {
  if (!/^https?:\/\//.test(pathOrUrl)) {
    if (existsSync(pathOrUrl)) return pathOrUrl;
    throw new Error(`STARLING_K3S_BINARY: there is no file ${pathOrUrl}`);
  }
  const file = join(cacheDir, `k3s-${shortHash(pathOrUrl)}`);
  if (existsSync(file)) return file;
  const response = await fetch(pathOrUrl);
  if (!response.ok || !response.body) throw new Error(`STARLING_K3S_BINARY: ${pathOrUrl} answered ${response.status}`);
  mkdirSync(cacheDir, { recursive: true });
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(`${file}.${process.pid}`));
  renameSync(`${file}.${process.pid}`, file);
  return file;
}

/** The release page of k3s as far as nodes know it: the binary, for whatever version is asked, and its checksum. */
export async function k3sReleases(binary: string): Promise<Handler> {
  const digest = await digestOf(binary);
  return async ({ url }) => {
    const name = PAGE.exec(url.pathname)?.[1];
    if (name === 'k3s' || name === 'k3s-arm64') return { status: 200, body: await readFile(binary) };
    if (/^sha256sum-\w+\.txt$/.test(name ?? '')) return { status: 200, body: `${digest}  k3s\n${digest}  k3s-arm64\n` };
    return { status: 404, body: 'Not Found' };
  };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
