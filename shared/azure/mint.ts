import { createHmac, randomBytes } from 'node:crypto';
import { AppError } from '../model/errors';
import { secretNames } from '../model/names';
import type { TokenMint, Vault } from '../ports';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Form of a Kubernetes bootstrap token: six characters, a dot, sixteen characters. */
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;

/**
 * Tokens are derived, not stored: HMAC-SHA-256 under the cluster's key over VM, generation and attempt. So a repeated
 * join gets the same ticket although no table, history or log ever held the token. `source` is asked whether keys are
 * there: a vault that remembers may still know those of a cluster of this name that was destroyed just now.
 */
export function createTokenMint(vault: Vault, source: Vault = vault): TokenMint {
  const keyOf = async (cluster: string): Promise<Buffer> =>
    Buffer.from(keyIn(await requireSecret(vault, secretNames(cluster).joinKey)), 'hex');
  return {
    async prepare(cluster) {
      const names = secretNames(cluster);
      for (const name of [names.joinKey, names.serverToken]) {
        if ((await source.get(name)) === undefined) await vault.set(name, newKey());
      }
    },
    async derive({ cluster, vmId, generation, attempt }) {
      const digest = createHmac('sha256', await keyOf(cluster))
        .update(`${vmId}/${generation}/${attempt}`)
        .digest();
      const text = encode(digest);
      return { id: text.slice(0, ID_LENGTH), secret: text.slice(ID_LENGTH, ID_LENGTH + SECRET_LENGTH) };
    },
    async rotateJoinKey(cluster, mark) {
      const { joinKey } = secretNames(cluster);
      const known = await source.get(joinKey);
      if (known?.endsWith(` ${mark}`)) return;
      await vault.set(joinKey, `${newKey()} ${mark}`);
    },
    serverToken: (cluster) => requireSecret(vault, secretNames(cluster).serverToken),
  };
}

/** `<64 hex digits>`, and after a rotation ` <mark>`, by which a repeat of that rotation is known. */
const keyIn = (secret: string): string => secret.split(' ')[0] ?? '';

const newKey = (): string => randomBytes(32).toString('hex');

async function requireSecret(vault: Vault, name: string): Promise<string> {
  const value = await vault.get(name);
  if (value === undefined)
    throw new AppError('CLUSTER_NOT_READY', `the vault has no ${name} yet`, { retryAfterMs: 10_000 });
  return value;
}

/** 22 characters of 36 hold 113 bits; of the 256 of the digest none is shown twice. */
function encode(digest: Buffer): string {
  let number = BigInt(`0x${digest.toString('hex')}`);
  let text = '';
  while (text.length < ID_LENGTH + SECRET_LENGTH) {
    text += ALPHABET[Number(number % 36n)];
    number /= 36n;
  }
  return text;
}
