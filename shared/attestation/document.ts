import { createHash } from 'node:crypto';

/**
 * The signed JSON, of which only what is used here is kept. As IMDS gives it:
 *
 * ```json
 * {"licenseType":"","nonce":"<32 characters>","plan":{"name":"","product":"","publisher":""},"sku":"20_04-lts-gen2",
 *  "subscriptionId":"<uuid>","timeStamp":{"createdOn":"06/25/26 18:56:45 -0000","expiresOn":"06/26/26 00:56:45 -0000"},
 *  "vmId":"<uuid>"}
 * ```
 */
export interface AttestedDocument {
  nonce: string;
  /** Lower case, as is `vmId`: Azure spells ids in either case. */
  subscriptionId: string;
  vmId: string;
  /** NaN where the text is not a time, as for `expiresMs`. */
  createdMs: number;
  expiresMs: number;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Null when the bytes are not such a document. Further fields are ignored: Azure may add some. */
export function readDocument(json: Buffer): AttestedDocument | null {
  const document = parseJson(json);
  if (!isRecord(document) || !isRecord(document.timeStamp)) return null;
  const { nonce, subscriptionId, vmId } = document;
  const { createdOn, expiresOn } = document.timeStamp;
  if (typeof nonce !== 'string' || typeof createdOn !== 'string' || typeof expiresOn !== 'string') return null;
  if (!isUuid(subscriptionId) || !isUuid(vmId)) return null;
  const ids = { subscriptionId: subscriptionId.toLowerCase(), vmId: vmId.toLowerCase() };
  return { nonce, ...ids, createdMs: readTimeStamp(createdOn), expiresMs: readTimeStamp(expiresOn) };
}

/**
 * The nonce that binds a document to the claims sent with it: no server-side memory is needed, and a captured document
 * proves nothing about other claims. IMDS takes at most 32 characters, hence 128 of the 256 bits.
 */
export function nonceOf(claims: string): string {
  return createHash('sha256').update(claims, 'utf8').digest('hex').slice(0, 32);
}

/** `MM/DD/YY HH:mm:ss ±HHMM` in milliseconds since the epoch; NaN when it is not such a time. */
export function readTimeStamp(text: string): number {
  const match = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/.exec(text);
  if (!match) return NaN;
  const [, month, day, year, time, offsetHours, offsetMinutes] = match;
  // `Date.parse` takes 30 February for 2 March.
  const exists = new Date(Date.UTC(2000 + Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return exists ? Date.parse(`20${year}-${month}-${day}T${time}${offsetHours}:${offsetMinutes}`) : NaN;
}

const isUuid = (value: unknown): value is string => typeof value === 'string' && UUID.test(value);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null; // not UTF-8, or not JSON: the caller names what it expected
  }
}
