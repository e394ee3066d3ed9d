import type { Config } from '../../shared/config';

export const TEST_SUBSCRIPTION = '5a7c1e00-1111-4222-8333-444455556666';

/** Settings for adapters under test: nothing in it leads out of this machine. */
export const testConfig = (changes: Partial<Config> = {}): Config => ({
  subscriptionId: TEST_SUBSCRIPTION,
  publicUrl: 'https://starling.example',
  vaultUrl: 'https://starling.vault.azure.net',
  functionAppId: `/subscriptions/${TEST_SUBSCRIPTION}/resourceGroups/app/providers/Microsoft.Web/sites/starling`,
  outboundAddresses: [],
  scheduledChaos: false,
  entra: { tenantId: '', audience: '' },
  armEndpoint: 'https://management.azure.com',
  attestationRoots: [],
  tables: { connectionString: 'UseDevelopmentStorage=true' },
  ...changes,
});

/** A credential that asks nobody. */
export const testCredential = {
  getToken: async () => ({ token: 'test', expiresOnTimestamp: Date.now() + 3_600_000 }),
};
