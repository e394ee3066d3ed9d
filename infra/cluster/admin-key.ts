import { createHash } from 'node:crypto';

/**
 * Azure makes no Linux VM without a password or a public key. Where the operator wants no SSH, this key takes the place:
 * an Ed25519 public key whose 32 bytes are the hash of a sentence. Nobody ever had the private half, which anybody can
 * check, and finding it means breaking Ed25519. (Port 22 is shut and the server masked all the same.)
 */
export const nobodysPublicKey = (): string => {
  const point = createHash('sha256').update('Starling: nobody holds the private half of this key.').digest();
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(point)]);
  return `ssh-ed25519 ${blob.toString('base64')} nobody`;
};

/** A field of an SSH key: its length in four bytes, then its bytes (RFC 4251 §5). */
function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
