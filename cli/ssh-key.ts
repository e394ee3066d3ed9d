import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface SshKeyPair {
  /** As `ssh -i` reads it, without a passphrase. */
  privateKey: string;
  /** One line, as in authorized_keys. */
  publicKey: string;
}

const TYPE = 'ssh-ed25519';
/** The cipher's block: without a passphrase it is 8. */
const BLOCK_BYTES = 8;

/**
 * A new Ed25519 pair in OpenSSH's own format (PROTOCOL.key of OpenSSH). Older `ssh` does not read the PKCS#8 that
 * `node:crypto` writes, and `ssh-keygen` is not everywhere where clusters are deployed from.
 */
export function makeSshKey(comment: string): SshKeyPair {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const publicBytes = Buffer.from(x, 'base64url');
  const seed = Buffer.from(d, 'base64url');
  const publicBlob = Buffer.concat([field(TYPE), field(publicBytes)]);
  const secret = privateSection({ publicBytes, seed, comment });
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field('none'), field('none'), field(''), number(1)], // cipher, key derivation, its options, number of keys
    ...[field(publicBlob), field(secret)],
  ]);
  return { privateKey: armoured(whole), publicKey: `${TYPE} ${publicBlob.toString('base64')} ${comment}` };
}

function privateSection({
  publicBytes,
  seed,
  comment,
}: {
  publicBytes: Buffer;
  seed: Buffer;
  comment: string;
}): Buffer {
  const check = randomBytes(4); // twice, so that a wrong passphrase would show
  const fields = [field(TYPE), field(publicBytes), field(Buffer.concat([seed, publicBytes])), field(comment)];
  const body = Buffer.concat([check, check, ...fields]);
  const padding = (BLOCK_BYTES - (body.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([body, Buffer.from(Array.from({ length: padding }, (_, at) => at + 1))]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([number(bytes.length), bytes]);
}

const armoured = (bytes: Buffer): string =>
  [
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    ...(bytes.toString('base64').match(/.{1,70}/g) ?? []),
    '-----END OPENSSH PRIVATE KEY-----',
    '',
  ].join('\n');
