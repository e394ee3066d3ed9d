import type { Detour } from './network-shim';

/** Identities of the simulated Azure; made up, and the same on every machine. */
export const SUBSCRIPTION_ID = '57a71196-0000-4000-8000-000000000001';
export const TENANT_ID = '7e9a9700-0000-4000-8000-000000000002';
export const VAULT_URL = 'https://starling-local.vault.azure.net';
export const FUNCTION_APP_ID = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/starling/providers/Microsoft.Web/sites/starling-local`;

export interface LocalPorts {
  /** Azure Resource Manager and Key Vault, TLS. */
  arm: number;
  /** APIs of masters, TLS, chosen by name: of k3s … */
  engines: number;
  /** … and of Docker. */
  docker: number;
  /** IMDS of every VM, the app's identity endpoint, the certificate authority's issuer: plain HTTP. */
  inside: number;
}

/** Which of Azure's names lead to this machine, for the app alone. */
export function detoursTo(ports: LocalPorts): Detour[] {
  return [
    { host: 'management.azure.com', port: 443, toPort: ports.arm },
    { host: '.vault.azure.net', port: 443, toPort: ports.arm },
    { host: '.cloudapp.azure.com', port: 6443, toPort: ports.engines },
    { host: '.cloudapp.azure.com', port: 2376, toPort: ports.docker },
    { host: 'www.microsoft.com', port: 80, toPort: ports.inside },
  ];
}

/** The app settings, named as they are in Azure: the app cannot tell the difference. */
export function appSettings(local: {
  appUrl: string;
  ports: LocalPorts;
  tables: string;
  identityHeader: string;
  rootPem: string;
  rootFile: string;
  scheduledChaos: boolean;
}): Record<string, string> {
  return {
    AzureWebJobsStorage: local.tables,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${local.ports.inside}/msi/token`,
    IDENTITY_HEADER: local.identityHeader,
    AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential', // no other way to sign in is tried
    NODE_EXTRA_CA_CERTS: local.rootFile,
    TASKHUB_NAME: 'StarlingLocal',
    STARLING_SUBSCRIPTION_ID: SUBSCRIPTION_ID,
    STARLING_PUBLIC_URL: local.appUrl,
    STARLING_VAULT_URL: VAULT_URL,
    STARLING_FUNCTION_APP_ID: FUNCTION_APP_ID,
    STARLING_OUTBOUND_ADDRESSES: '203.0.113.10',
    STARLING_SCHEDULED_CHAOS: String(local.scheduledChaos),
    STARLING_ATTESTATION_ROOTS: local.rootPem,
  };
}
