import { ComputeManagementClient, type ComputeManagementClientOptionalParams } from '@azure/arm-compute';
import { ResourceManagementClient } from '@azure/arm-resources';
import { createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { TableClient } from '@azure/data-tables';
import { DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import type { Config } from '../config';
import { readRetryAfterMs, shortRetryPolicy } from './retry';

export interface AzureClientOptions {
  /** Sends every request instead of the network; tests put the simulated Azure here. */
  httpClient?: ComputeManagementClientOptionalParams['httpClient'];
}

/** A request for which the SDK clients that are loaded have no method. */
export interface ArmRequest {
  method: 'GET' | 'PATCH' | 'POST';
  /** Path with its api-version, or an absolute URL that ARM itself named. */
  url: string;
  body?: object;
}

/** What Azure Resource Manager answered to a plain request. */
export interface ArmResponse {
  status: number;
  /** Parsed JSON; undefined when there was none. */
  body: unknown;
  retryAfterMs?: number;
}

/** SDK clients, each made at its first use: a start of the app costs nothing of what it does not use. */
export interface AzureClients {
  compute(): ComputeManagementClient;
  resources(): ResourceManagementClient;
  table(name: string): TableClient;
  vault(): SecretClient;
  subscriptionId: string;
  /** Any HTTP status is an answer; network trouble throws. */
  sendArm(request: ArmRequest): Promise<ArmResponse>;
}

/** Vault domains for which the SDK can check that a token challenge names the vault's own cloud. */
const PUBLIC_VAULT = /\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)$/;

/** Clouds whose tokens name their own ARM; any other endpoint stands in front of the public one, and is asked with its audience. */
const OTHER_CLOUD = /\.(usgovcloudapi\.net|chinacloudapi\.cn)$/;

const armScope = (endpoint: string): string =>
  `${OTHER_CLOUD.test(new URL(endpoint).hostname) ? endpoint : 'https://management.azure.com'}/.default`;

export function createAzureClients(
  config: Config,
  credential?: TokenCredential,
  options: AzureClientOptions = {},
): AzureClients {
  const identity = once(() => credential ?? new DefaultAzureCredential());
  const common = () => ({
    httpClient: options.httpClient,
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [{ policy: shortRetryPolicy(), position: 'perCall' as const }],
  });
  const scope = armScope(config.armEndpoint);
  const compute = once(
    () =>
      new ComputeManagementClient(identity(), config.subscriptionId, {
        ...common(),
        endpoint: config.armEndpoint,
        credentials: { scopes: [scope] },
      }),
  );
  const resources = once(
    () =>
      new ResourceManagementClient(identity(), config.subscriptionId, {
        ...common(),
        endpoint: config.armEndpoint,
        credentialScopes: scope,
      }),
  );
  const vault = once(
    () =>
      new SecretClient(config.vaultUrl, identity(), {
        ...common(),
        disableChallengeResourceVerification: !PUBLIC_VAULT.test(new URL(config.vaultUrl).hostname),
      }),
  );
  const tables = new Map<string, TableClient>();
  return {
    compute,
    resources,
    vault,
    table(name) {
      const client = tables.get(name) ?? openTable(config.tables, name, identity, common());
      tables.set(name, client);
      return client;
    },
    subscriptionId: config.subscriptionId,
    sendArm: (request) => sendArm(resources(), config.armEndpoint, request),
  };
}

function openTable(
  tables: Config['tables'],
  name: string,
  identity: () => TokenCredential,
  options: object,
): TableClient {
  if ('serviceUrl' in tables) return new TableClient(tables.serviceUrl, name, identity(), options);
  const text = tables.connectionString;
  const allowInsecureConnection = /UseDevelopmentStorage=true|DefaultEndpointsProtocol=http;|TableEndpoint=http:/i.test(
    text,
  );
  return TableClient.fromConnectionString(text, name, { ...options, allowInsecureConnection });
}

/** Sends the bearer token only to ARM's own host, or a regional one below it: the URL was told by a response. */
async function sendArm(
  client: ResourceManagementClient,
  endpoint: string,
  { method, url, body }: ArmRequest,
): Promise<ArmResponse> {
  const arm = new URL(endpoint);
  const target = new URL(url, endpoint);
  if (target.host !== arm.host && !(target.protocol === 'https:' && target.hostname.endsWith(`.${arm.hostname}`))) {
    throw new Error(`${target.origin} is not Azure Resource Manager`);
  }
  const content = body && {
    body: JSON.stringify(body),
    headers: createHttpHeaders({ 'content-type': 'application/json' }),
  };
  const response = await client.sendRequest(createPipelineRequest({ url: target.href, method, ...content }));
  return {
    status: response.status,
    body: parseJson(response.bodyAsText),
    retryAfterMs: readRetryAfterMs(response.headers),
  };
}

function parseJson(text: string | null | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function once<T>(create: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: create() }).value;
}
