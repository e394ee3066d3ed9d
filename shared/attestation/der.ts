/*
 * A reader for DER, the one allowed encoding of ASN.1 values in signed documents. Libraries accept BER as well: indefinite
 * lengths, padded lengths, trailing bytes. Each of those lets one signature stand for several byte strings, so here they
 * are errors. Nothing is read deeper than it is asked for, so nesting costs nothing.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  nothing: 0x05,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** `[0]`, `[1]`, `[3]` around or instead of a constructed value. */
  context0: 0xa0,
  context1: 0xa1,
  context3: 0xa3,
} as const;

/** One value: its tag byte, its content, and the whole of it as it stood in the input. */
export interface DerValue {
  tag: number;
  content: Buffer;
  raw: Buffer;
}

/** The input is not DER, or not of the expected shape. */
export class DerError extends Error {}

/** Reads exactly one value that fills `bytes`. */
export function readDer(bytes: Buffer, tag: number): DerValue {
  const value = readFirst(bytes);
  if (value.raw.length !== bytes.length) throw new DerError('bytes after the end of the value');
  return expectTag(value, tag);
}

/** The values inside a constructed one, in order. */
export function readChildren(parent: DerValue): DerValue[] {
  if ((parent.tag & CONSTRUCTED) === 0) throw new DerError(`tag ${hex(parent.tag)} has no values inside`);
  const children: DerValue[] = [];
  for (let offset = 0; offset < parent.content.length;) {
    const child = readFirst(parent.content.subarray(offset));
    children.push(child);
    offset += child.raw.length;
  }
  return children;
}

export function expectTag(value: DerValue | undefined, tag: number): DerValue {
  if (!value) throw new DerError(`tag ${hex(tag)} is missing`);
  if (value.tag !== tag) throw new DerError(`tag ${hex(value.tag)} stands where ${hex(tag)} belongs`);
  return value;
}

/** An object identifier in dotted form. */
export function readOid(value: DerValue | undefined): string {
  const { content } = expectTag(value, TAG.oid);
  const arcs: bigint[] = [];
  let arc = 0n;
  let inside = false;
  for (const byte of content) {
    if (!inside && byte === 0x80) throw new DerError('an object identifier is padded');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    inside = (byte & 0x80) !== 0;
    if (!inside) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  const [first] = arcs;
  if (inside || first === undefined || content.length > MAX_OID_BYTES)
    throw new DerError('an object identifier is broken');
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...arcs.slice(1)].join('.');
}

/** A small whole number, zero or more: versions and path lengths. */
export function readSmallInteger(value: DerValue | undefined): number {
  const { content } = expectTag(value, TAG.integer);
  const [byte] = content;
  if (byte === undefined || content.length > 1 || byte > 0x7f) throw new DerError('a number is out of range');
  return byte;
}

const CONSTRUCTED = 0x20;
const MANY_BYTE_TAG = 0x1f;
const MAX_OID_BYTES = 64; // none in use comes near; bounds the arithmetic above
const MAX_LENGTH_BYTES = 3; // 16 MB, far above every input that gets here

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, '0')}`;

function readFirst(bytes: Buffer): DerValue {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new DerError('a value is cut off');
  if ((tag & MANY_BYTE_TAG) === MANY_BYTE_TAG) throw new DerError('a tag has more than one byte');
  const [start, length] = first < 0x80 ? [2, first] : readLongLength(bytes, first & 0x7f);
  const end = start + length;
  if (end > bytes.length) throw new DerError('a value is longer than what holds it');
  return { tag, content: bytes.subarray(start, end), raw: bytes.subarray(0, end) };
}

function readLongLength(bytes: Buffer, lengthBytes: number): [start: number, length: number] {
  if (lengthBytes === 0) throw new DerError('a length is indefinite');
  const start = 2 + lengthBytes;
  if (lengthBytes > MAX_LENGTH_BYTES || bytes.length < start) throw new DerError('a length is out of range');
  const length = bytes.readUIntBE(2, lengthBytes);
  if (length < 0x80 || bytes[2] === 0) throw new DerError('a length is not in its shortest form');
  return [start, length];
}
