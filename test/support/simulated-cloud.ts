import { createHttpHeaders, type HttpClient } from '@azure/core-rest-pipeline';
import type { SimRequest } from '../../local/azure/http';
import { simulatedHttpClient } from '../../local/azure/http-client';
import { createAzureClients, type AzureClients } from '../../shared/azure/clients';
import { createCloud } from '../../shared/azure/cloud';
import { createVault } from '../../shared/azure/vault';
import type { ClusterSpec } from '../../shared/model/cluster';
import type { Begun, Cloud, CommandProgress, DeploymentPart, LongRunning, Vault } from '../../shared/ports';
import type { Outcome } from '../../shared/model/errors';
import { buildPartTemplate } from '../../infra/cluster/build-cluster-template';
import { cloud, SUBSCRIPTION, type Cloud as Simulation, type CloudOptions } from '../contract/arm-cloud';
import { testConfig } from './azure-config';
import { clusterRecord } from './records';

export interface SimulatedCloud extends Simulation {
  clients: AzureClients;
  cloud: Cloud;
  vault: Vault;
  /** Requests that reached Azure, as `METHOD path`. */
  requests: string[];
  /** Polls in simulated time, as often as Azure asks for, until it is no longer running. */
  settle(begun: Outcome<Begun>): Promise<LongRunning>;
  /** The same for a command on a machine. */
  settleCommand(begun: Outcome<Begun>): Promise<CommandProgress>;
  /** Lets simulated time pass until the condition holds. */
  until(holds: () => Promise<boolean>): Promise<void>;
}

/** The adapters over the real SDKs over the simulated Azure, in virtual time. */
export function simulatedCloud(options: CloudOptions = {}): SimulatedCloud {
  const simulation = cloud(options);
  const requests: string[] = [];
  const noted = (handler: (request: SimRequest) => unknown) => async (request: SimRequest) => {
    requests.push(`${request.method} ${request.url.pathname}`);
    return (await handler(request)) as never;
  };
  const httpClient = simulatedHttpClient(
    ({ hostname }) => noted(hostname.endsWith('.vault.azure.net') ? simulation.azure.vault : simulation.azure.arm),
    createHttpHeaders,
  ) as HttpClient;
  const config = testConfig({ subscriptionId: SUBSCRIPTION });
  const clients = createAzureClients(config, credentialOf(simulation), { httpClient });
  const adapter = createCloud(clients);
  const until: SimulatedCloud['until'] = async (holds) => {
    for (let tries = 0; tries < 300; tries += 1) {
      if (await holds()) return;
      await simulation.clock.advance(5_000);
    }
    throw new Error('it did not happen within 1500 simulated seconds');
  };
  return {
    ...simulation,
    clients,
    cloud: adapter,
    vault: createVault(clients),
    requests,
    until,
    settle: (begun) => polled(simulation, begun, adapter.poll),
    settleCommand: (begun) => polled(simulation, begun, adapter.pollCommand),
  };
}

async function polled<State extends { state: string }>(
  { clock }: Simulation,
  begun: Outcome<Begun>,
  poll: (poller: string) => Promise<State | { state: 'running'; retryAfterMs: number }>,
): Promise<State> {
  if (!begun.ok) throw new Error(`refused: ${begun.code} ${begun.message}`);
  for (let polls = 0; polls < 300; polls += 1) {
    const state = await poll(begun.poller);
    if (!('retryAfterMs' in state)) return state;
    await clock.advance(state.retryAfterMs);
  }
  throw new Error('the operation did not end');
}

/** Asks the simulated identity endpoint, so that the audience of each token is checked as Azure would. */
function credentialOf({ azure, clock }: Simulation) {
  return {
    async getToken(scopes: string | string[]) {
      const resource = ([scopes].flat()[0] ?? '').replace(/\/\.default$/, '');
      const url = new URL('http://identity/msi/token?api-version=2019-08-01');
      url.searchParams.set('resource', resource);
      const headers = { 'x-identity-header': azure.identityHeader };
      const answer = await azure.identity({ method: 'GET', url, headers, body: '' });
      const { access_token: token } = answer.body as { access_token: string };
      return { token, expiresOnTimestamp: clock.now() + 3_600_000 };
    },
  };
}

type AgentsSpec = ClusterSpec['agents'];

/** What Starling really submits for a cluster, or for a part of it. */
export function templateOf(
  cluster: string,
  agents = 3,
  changes: Partial<AgentsSpec> = {},
  part: DeploymentPart = 'all',
): ReturnType<typeof buildPartTemplate> {
  const { spec } = clusterRecord();
  const { functionAppId } = testConfig();
  const input = {
    cluster,
    spec: { ...spec, agents: { ...spec.agents, count: agents, max: Math.max(10, agents), ...changes } },
    app: { url: 'https://app.example', functionAppId, eventFunctionName: 'onEvent', outboundAddresses: [] },
    customData: { master: () => 'bWFzdGVy', agent: 'YWdlbnQ=' },
    suffix: 'x7k2m',
  };
  return buildPartTemplate(input, part);
}

/** Deploys the cluster and waits until Azure is done. */
export async function deploy(
  simulated: SimulatedCloud,
  cluster: string,
  agents = 3,
  changes: Partial<AgentsSpec> = {},
): Promise<void> {
  const { template, parameters } = templateOf(cluster, agents, changes);
  await simulated.cloud.ensureGroups(cluster, 'westeurope');
  const begun = await simulated.cloud.beginDeployment(cluster, template, parameters);
  if (!begun.ok) throw new Error(begun.message);
  await simulated.until(async () => (await simulated.cloud.getDeployment(cluster))?.state !== 'running');
}
