import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalAddresses } from '../../local/state';
import type { Json, Starling } from './starling';

export interface RawAnswer {
  status: number;
  headers: Headers;
  contentType: string;
  text: string;
  /** undefined when the text is not JSON. */
  body: Json;
}

export const addressesOf = ({ stateDir }: Starling): LocalAddresses =>
  JSON.parse(readFileSync(join(stateDir, 'local.json'), 'utf8')) as LocalAddresses;

/** Any request at all: no key unless one is given, and the body just as it is. */
export async function send(
  starling: Starling,
  method: string,
  path: string,
  { key, body }: { key?: string; body?: string } = {},
): Promise<RawAnswer> {
  const { appUrl } = addressesOf(starling);
  const headers = { 'content-type': 'application/json', ...(key === undefined ? {} : { 'x-functions-key': key }) };
  const response = await fetch(appUrl + path, { method, headers, body });
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? '';
  return { status: response.status, headers: response.headers, contentType, text, body: parsed(text) };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a test that expects JSON sees it missing
  }
}
