import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { createTokenMint } from '../../shared/azure/mint';
import { secretNames } from '../../shared/model/names';

/** A secret and what it is, for the message of a test that finds it somewhere. */
export interface Secret {
  what: string;
  value: string;
}

/** Tickets for one VM are made anew when they expire; more than that many no test lives to see. */
const ATTEMPTS = [1, 2, 3];
/** A reimage makes another. */
const GENERATIONS = [1, 2, 3];

/** What the vault of a stopped Starling holds and has held for the cluster, and the join tokens made from it for these VMs. */
export async function secretsOf(stateDir: string, cluster: string, vmIds: string[]): Promise<Secret[]> {
  const vault = vaultOf(stateDir);
  const read = (name: string): string[] => {
    const values = vault.get(name);
    if (!values?.length) throw new Error(`the vault has no ${name}; it has ${[...vault.keys()].join(', ')}`);
    return values;
  };
  const { engine, joinKey, serverToken } = secretNames(cluster);
  const joinKeys = read(joinKey);
  const tokens = await Promise.all(joinKeys.map((key) => bootstrapTokens(cluster, key, vmIds)));
  return [
    ...joinKeys.map((value) => ({ what: 'the join key', value })),
    ...read(serverToken).flatMap((value) => [
      { what: 'the server token', value },
      { what: 'the agent token of the masters', value: createHash('sha256').update(`agent ${value}`).digest('hex') },
    ]),
    ...read(engine).map((text) => ({
      what: 'the credential for the engine',
      value: (JSON.parse(text) as { credential: string }).credential,
    })),
    ...tokens.flat(),
  ];
}

async function bootstrapTokens(cluster: string, key: string, vmIds: string[]): Promise<Secret[]> {
  const nothing = (): Promise<never> => Promise.reject(new Error('only read'));
  const mint = createTokenMint({ get: async () => key, set: nothing, remove: nothing });
  const tickets = vmIds.flatMap((vmId) =>
    GENERATIONS.flatMap((generation) => ATTEMPTS.map((attempt) => ({ cluster, vmId, generation, attempt }))),
  );
  return Promise.all(
    tickets.map(async (ticket) => ({
      what: `the bootstrap token of ${ticket.vmId}`,
      value: (await mint.derive(ticket)).secret,
    })),
  );
}

export interface StoredDocument {
  collection: string;
  id: string;
  json: string;
}

/** Everything that the simulated Azure of a stopped Starling has written down. */
export function azureDocuments(stateDir: string): StoredDocument[] {
  const db = new Database(join(stateDir, 'azure.sqlite'), { readonly: true });
  try {
    return db.prepare('SELECT collection, id, json FROM documents').all() as StoredDocument[];
  } finally {
    db.close();
  }
}

interface StoredSecret {
  versions?: { value: string }[];
}

/** Every version of every secret, oldest first. */
function vaultOf(stateDir: string): Map<string, string[]> {
  const secrets = azureDocuments(stateDir).filter(({ collection }) => collection === 'secrets');
  return new Map(
    secrets.map(({ id, json }) => {
      const { versions = [] } = JSON.parse(json) as StoredSecret;
      return [id.split('/').at(-1) ?? '', versions.map(({ value }) => value)];
    }),
  );
}

/** Every file below the folder, as bytes. */
export function filesOf(folder: string): { path: string; bytes: Buffer }[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesOf(path) : [{ path, bytes: readFileSync(path) }];
  });
}

/** Whether the secret is in there, as it is or as part of a base64 text. */
export const holds = (bytes: Buffer | string, { value }: Secret): boolean =>
  [value, Buffer.from(value).toString('base64').replace(/=+$/, '')].some((text) => bytes.includes(text));
