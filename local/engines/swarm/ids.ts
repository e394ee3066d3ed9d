import { createHash, randomBytes } from 'node:crypto';

const base36 = (bytes: Buffer, length: number): string =>
  BigInt(`0x${bytes.toString('hex')}`)
    .toString(36)
    .padStart(length, '0');

/** 25 characters of a-z0-9, as swarmkit's `identity.NewID` makes them from 16 random bytes. */
export const newId = (): string => base36(randomBytes(16), 25);

/** Of the PEM of the swarm's authority: SHA-256 in base 36. */
const digestOf = (caPem: string): string => base36(createHash('sha256').update(caPem).digest(), 50);

/** `SWMTKN-1-<digest of the authority>-<secret>` (swarmkit `ca/config.go`). */
export const newJoinToken = (caPem: string): string => `SWMTKN-1-${digestOf(caPem)}-${newId()}`;

/** Undefined when the text is no token at all. */
export function trusts(token: string, caPem: string): boolean | undefined {
  const [, digest] = /^SWMTKN-(?:1|2-1)-([a-z0-9]{50})-[a-z0-9]{25}$/.exec(token) ?? [];
  return digest === undefined ? undefined : digest === digestOf(caPem);
}
