import { AppError } from '../model/errors';
import type { Vault } from '../ports';
import type { AzureClients } from './clients';
import { foundOrUndefined, isStatus, readFailure, toAppError, translated } from './errors';

/** Key Vault's own rule. */
const NAME = /^[0-9A-Za-z-]{1,127}$/;
/** Deleting and recovering a secret takes the vault a few seconds; longer waits belong to the workflow. */
const STEPS = 30;
const STEP_MS = 1_000;
const RETRY_LATER_MS = 5_000;

export function createVault(clients: AzureClients): Vault {
  return {
    async get(name) {
      checkName(name);
      return (await foundOrUndefined(() => clients.vault().getSecret(name)))?.value;
    },
    async set(name, value) {
      checkName(name);
      await retryWhileInTransition(name, async () => {
        try {
          await clients.vault().setSecret(name, value);
          return true;
        } catch (error) {
          if (!isStatus(error, 409)) throw error;
          await recover(clients, name);
          return false;
        }
      });
    },
    async remove(name) {
      checkName(name);
      const existed = await deleteSecret(clients, name);
      await retryWhileInTransition(name, () => purge(clients, name, existed));
    },
  };
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new AppError('INTERNAL', `Not a name that Key Vault takes: ${name}`);
}

/** Repeats a step until it says that it is done. The vault answers 409 or 404 between two states of a secret. */
async function retryWhileInTransition(name: string, step: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < STEPS; tries += 1) {
    if (await translated(step)) return;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new AppError('AZURE_UNAVAILABLE', `The secret ${name} is still being deleted or recovered`, {
    retryAfterMs: RETRY_LATER_MS,
  });
}

/** A name whose secret was deleted but not purged cannot be written; recovering works even under purge protection. */
async function recover(clients: AzureClients, name: string): Promise<void> {
  try {
    await clients.vault().beginRecoverDeletedSecret(name);
  } catch (error) {
    // 404: no longer deleted; 409: still being deleted or already being recovered.
    if (!isStatus(error, 404, 409)) throw error;
  }
}

/** False when there was nothing to delete. */
async function deleteSecret(clients: AzureClients, name: string): Promise<boolean> {
  try {
    await clients.vault().beginDeleteSecret(name);
    return true;
  } catch (error) {
    if (isStatus(error, 404)) return false;
    if (isStatus(error, 409)) return true;
    throw toAppError(error);
  }
}

/** True when nothing is left to purge. A secret deleted just now is not yet among the deleted ones: 404 or 409 until it is. */
async function purge(clients: AzureClients, name: string, deletedNow: boolean): Promise<boolean> {
  try {
    await clients.vault().purgeDeletedSecret(name);
    return true;
  } catch (error) {
    if (isStatus(error, 404)) return !deletedNow;
    if (isStatus(error, 409)) return false;
    if (isStatus(error, 403) && /purge protection/i.test(readFailure(error)?.message ?? '')) return true;
    throw error;
  }
}
