import { AppError } from './model/errors';

/** Every setting the app reads: compared with the Bicep settings and `docs/settings.md` by a test. */
export const SETTINGS = [
  {
    name: 'STARLING_SUBSCRIPTION_ID',
    required: true,
    purpose: 'Subscription in which clusters are made; attested documents of others are refused.',
  },
  { name: 'STARLING_PUBLIC_URL', required: true, purpose: 'Base URL under which nodes reach this app.' },
  {
    name: 'STARLING_VAULT_URL',
    required: true,
    purpose: 'Key Vault that holds the engines’ credentials and the join keys.',
  },
  {
    name: 'STARLING_FUNCTION_APP_ID',
    required: true,
    purpose: 'Resource id of this function app: the destination of each cluster’s Event Grid subscription.',
  },
  {
    name: 'STARLING_OUTBOUND_ADDRESSES',
    required: false,
    purpose:
      'Comma-separated addresses that may reach the masters’ API; empty when the app is joined to the virtual network.',
  },
  {
    name: 'STARLING_SCHEDULED_CHAOS',
    required: false,
    purpose: '`true` lets armed chaos schedules act; anything else keeps them dry.',
  },
  {
    name: 'STARLING_ENTRA_TENANT_ID',
    required: false,
    purpose: 'Tenant with which operators sign in; then a role takes the place of function keys.',
  },
  {
    name: 'STARLING_ENTRA_AUDIENCE',
    required: false,
    purpose:
      'Client id or URI of the app registration that operators’ access tokens are made for; needed with the tenant.',
  },
  {
    name: 'STARLING_ARM_ENDPOINT',
    required: false,
    purpose: 'Azure Resource Manager, when it is not `https://management.azure.com`.',
  },
  {
    name: 'STARLING_ATTESTATION_ROOTS',
    required: false,
    purpose: 'PEM text of further roots that may sign attested documents, for sovereign clouds.',
  },
  {
    name: 'AzureWebJobsStorage',
    required: false,
    purpose:
      'Connection string of the storage account; without it `AzureWebJobsStorage__tableServiceUri` and the app’s identity are used.',
  },
  {
    name: 'AzureWebJobsStorage__tableServiceUri',
    required: false,
    purpose: 'Table service of the storage account, used with the app’s identity.',
  },
  { name: 'AZURE_CLIENT_ID', required: false, purpose: 'Client id of the user-assigned identity.' },
] as const;

export interface Config {
  subscriptionId: string;
  publicUrl: string;
  vaultUrl: string;
  functionAppId: string;
  outboundAddresses: string[];
  scheduledChaos: boolean;
  /** Empty texts: function keys. */
  entra: { tenantId: string; audience: string };
  armEndpoint: string;
  /** Further attestation roots, PEM. */
  attestationRoots: string[];
  tables: { connectionString: string } | { serviceUrl: string };
}

const ENTRA = ['STARLING_ENTRA_TENANT_ID', 'STARLING_ENTRA_AUDIENCE'] as const;

/**
 * Do operators sign in with Entra ID? Asked when functions are registered, before anything else is read. One of the two
 * settings is enough for a yes: with the other one missing nobody gets in, rather than everybody.
 */
export const usesEntra = (env: Record<string, string | undefined>): boolean => ENTRA.some((name) => env[name]);

/** Reads the app settings. Throws INTERNAL naming every setting that is missing, so that one deploy mends all. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const missing = SETTINGS.filter(({ name, required }) => required && !env[name]).map(({ name }) => name as string);
  const connectionString = env['AzureWebJobsStorage'];
  const serviceUrl = env['AzureWebJobsStorage__tableServiceUri'];
  if (!connectionString && !serviceUrl) missing.push('AzureWebJobsStorage or AzureWebJobsStorage__tableServiceUri');
  const entra = ENTRA.filter((name) => env[name]);
  if (entra.length === 1) missing.push(...ENTRA.filter((name) => !env[name]));
  if (missing.length > 0) throw new AppError('INTERNAL', `App settings are missing: ${missing.join(', ')}`);
  const text = (name: (typeof SETTINGS)[number]['name']): string => env[name] ?? '';
  return {
    subscriptionId: text('STARLING_SUBSCRIPTION_ID').toLowerCase(),
    publicUrl: text('STARLING_PUBLIC_URL').replace(/\/$/, ''),
    vaultUrl: text('STARLING_VAULT_URL'),
    functionAppId: text('STARLING_FUNCTION_APP_ID'),
    outboundAddresses: text('STARLING_OUTBOUND_ADDRESSES')
      .split(',')
      .map((address) => address.trim())
      .filter(Boolean),
    scheduledChaos: text('STARLING_SCHEDULED_CHAOS') === 'true',
    entra: { tenantId: text('STARLING_ENTRA_TENANT_ID').toLowerCase(), audience: text('STARLING_ENTRA_AUDIENCE') },
    armEndpoint: text('STARLING_ARM_ENDPOINT') || 'https://management.azure.com',
    attestationRoots:
      text('STARLING_ATTESTATION_ROOTS').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
    tables: connectionString ? { connectionString } : { serviceUrl: serviceUrl ?? '' },
  };
}
