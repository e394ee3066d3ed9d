/**
 * The name that a TLS client asks for, from the first bytes that it sends; undefined when they name none. `incomplete` when
 * more bytes are needed. Structure: RFC 8446 §4.1.2, RFC 6066 §3.
 */
export function serverNameOf(bytes: Buffer): string | undefined | 'incomplete' {
  if (bytes.length < RECORD_HEADER) return 'incomplete';
  if (bytes[0] !== HANDSHAKE) return undefined;
  const record = bytes.subarray(RECORD_HEADER, RECORD_HEADER + bytes.readUInt16BE(3));
  if (bytes.length < RECORD_HEADER + bytes.readUInt16BE(3)) return 'incomplete';
  try {
    return nameIn(record);
  } catch {
    return undefined; // lengths that lead out of the record
  }
}

const HANDSHAKE = 22;
const RECORD_HEADER = 5;
const HELLO_HEADER = 1 + 3 + 2 + 32; // type, length, version, random
const SERVER_NAME = 0;

function nameIn(hello: Buffer): string | undefined {
  let at = HELLO_HEADER;
  at += 1 + hello.readUInt8(at); // session id
  at += 2 + hello.readUInt16BE(at); // cipher suites
  at += 1 + hello.readUInt8(at); // compression methods
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at + 4 <= end;) {
    const [type, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)];
    // The list's length, the kind of its first name, that name's length.
    if (type === SERVER_NAME) return hello.toString('ascii', at + 9, at + 9 + hello.readUInt16BE(at + 7));
    at += 4 + length;
  }
  return undefined;
}
