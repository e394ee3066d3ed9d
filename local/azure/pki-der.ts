/*
 * A writer for DER, small enough to read in a minute: the local certificate authority has to produce a form of PKCS#7 that
 * libraries refuse to write (`pki-document.ts`).
 */

export const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
};

export const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
/** The caller gives the parts in the order that DER demands. */
export const set = (...parts: Uint8Array[]): Buffer => der(0x31, ...parts);
/** `[n]` around constructed values. */
export const context = (n: number, ...parts: Uint8Array[]): Buffer => der(0xa0 | n, ...parts);
/** `[n]` instead of the tag of a simple value. */
export const implicit = (n: number, content: Uint8Array): Buffer => der(0x80 | n, content);
export const octets = (content: Uint8Array): Buffer => der(0x04, content);
export const text = (value: string): Buffer => der(0x0c, Buffer.from(value, 'utf8'));
export const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), content);
export const yes = der(0x01, Buffer.from([0xff]));
export const nothing = der(0x05);

/** A whole number of at most one byte, or the bytes of a larger one, which must be positive and in shortest form. */
export const integer = (value: number | Uint8Array): Buffer =>
  der(0x02, typeof value === 'number' ? Buffer.from([value]) : value);

export function oid(dotted: string): Buffer {
  const [top = 0, next = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, ...[top * 40 + next, ...rest].map(base128));
}

/** Years 1950 to 2049 only, which is what this form can say. */
export function utcTime(at: Date): Buffer {
  const digits = at.toISOString().replace(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`, 'latin1'));
}

function base128(value: number): Buffer {
  const groups = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift((rest % 128) + 128);
  return Buffer.from(groups);
}

function lengthOf({ length }: Uint8Array): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length <= 0xff) return Buffer.from([0x81, length]);
  if (length <= 0xffff) return Buffer.from([0x82, length >> 8, length & 0xff]);
  throw new RangeError(`${length} bytes are more than a local document ever has`);
}
