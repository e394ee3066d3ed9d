import type { CoreV1Api } from '@kubernetes/client-node';
import { AppError } from '../../model/errors';
import { translatedKube } from './errors';

/** Made by `starling-rbac.yaml`; its rights are those of the cluster's administrator. */
const ACCOUNT = { namespace: 'starling', name: 'starling-operator' };
/** What the API server gives at least. */
const LEAST_SECONDS = 600;

/** A credential that ends by itself; the server may make it shorter than asked. */
export function operatorToken(core: CoreV1Api, lifetimeMs: number): Promise<{ token: string; expiresAt: string }> {
  return translatedKube('make a credential for an operator', async () => {
    const expirationSeconds = Math.max(LEAST_SECONDS, Math.round(lifetimeMs / 1000));
    const body = { spec: { audiences: [], expirationSeconds } }; // no audience: the API server itself
    const { status } = await core.createNamespacedServiceAccountToken({ ...ACCOUNT, body });
    if (!status) throw new AppError('INTERNAL', 'The cluster answered without a credential');
    return { token: status.token, expiresAt: status.expirationTimestamp.toISOString() };
  });
}
