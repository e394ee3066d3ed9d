import { ClaimsSchema, type StorageAccess } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { World } from '../shared/ports';
import { identify, type AttestedCall } from './attested';
import type { Reply } from './respond';

/** The account is made beside the machines, and may come some minutes after them; a thousand nodes must not ask each second. */
const NOT_YET_RETRY_MS = 60_000;

/** A VM proves who it is and gets the key of the shares: at each boot, so that a renewed one reaches it. Never stored. */
export async function storage(call: AttestedCall): Promise<Reply> {
  const { record } = await identify(call, ClaimsSchema);
  const access = await accessOf(call.world, record);
  if (!access && record.spec.storage.shares.length > 0)
    throw new AppError('CLUSTER_NOT_READY', 'the storage account is not there; ask again', {
      retryAfterMs: NOT_YET_RETRY_MS,
    });
  return { status: 200, body: { storage: access ?? null }, headers: { 'cache-control': 'no-store' } };
}

/** What a ticket says of the shares. Nothing while Azure does not tell: the node joins all the same, and asks for itself later. */
export async function storageForTicket(
  { world, log }: Pick<AttestedCall, 'world' | 'log'>,
  record: ClusterRecord,
): Promise<{ storage?: StorageAccess }> {
  try {
    const access = await accessOf(world, record);
    return access ? { storage: access } : {};
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    log.info('storage.leftOut', { cluster: record.name, code: error.code, message: error.message });
    return {};
  }
}

async function accessOf(world: World, { name, spec }: ClusterRecord): Promise<StorageAccess | undefined> {
  const { shares, mountAt } = spec.storage;
  const access = shares.length > 0 ? await world.cloud.storageAccess(name) : undefined;
  return access && { ...access, shares, mountAt };
}
