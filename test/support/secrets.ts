import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sqliteStore } from '../../local/store';
import { createTokenMint } from '../../shared/azure/mint';
import { secretNames } from '../../shared/model/names';

/** A secret and what it is, for the message of a test that finds it somewhere. */
export interface Secret {
  what: string;
  value: string;
}

/** Tickets for one VM are made anew when they expire; more than that many no test lives to see. */
const ATTEMPTS = [1, 2, 3];

/** What the vault of a stopped Starling holds for the cluster, and the join tokens made from it for these VMs. */
export async function secretsOf(stateDir: string, cluster: string, vmIds: string[]): Promise<Secret[]> {
  const vault = vaultOf(stateDir);
  const read = (name: string): string => {
    const value = vault.get(name);
    if (!value) throw new Error(`the vault has no ${name}; it has ${[...vault.keys()].join(', ')}`);
    return value;
  };
  const { engine, joinKey, serverToken } = secretNames(cluster);
  const secret = read(serverToken);
  const secrets = [
    { what: 'the join key', value: read(joinKey) },
    { what: 'the server token', value: secret },
    { what: 'the agent token of the masters', value: createHash('sha256').update(`agent ${secret}`).digest('hex') },
    { what: 'the credential for the engine', value: (JSON.parse(read(engine)) as { credential: string }).credential },
  ];
  const nothing = (): Promise<never> => Promise.reject(new Error('only read'));
  const mint = createTokenMint({ get: async (name) => vault.get(name), set: nothing, remove: nothing });
  for (const vmId of vmIds) {
    for (const attempt of ATTEMPTS) {
      const token = await mint.derive({ cluster, vmId, generation: 1, attempt });
      secrets.push({ what: `the bootstrap token of ${vmId}`, value: token.secret });
    }
  }
  return secrets;
}

interface StoredSecret {
  versions?: { value: string }[];
}

function vaultOf(stateDir: string): Map<string, string> {
  const store = sqliteStore(join(stateDir, 'azure.sqlite'));
  try {
    const secrets = store.list<StoredSecret>('secrets').filter(([, { versions }]) => versions);
    return new Map(secrets.map(([id, { versions }]) => [id.split('/').at(-1) ?? '', versions?.at(-1)?.value ?? '']));
  } finally {
    store.close();
  }
}

/** Every file below the folder, as bytes. */
export function filesOf(folder: string): { path: string; bytes: Buffer }[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesOf(path) : [{ path, bytes: readFileSync(path) }];
  });
}
