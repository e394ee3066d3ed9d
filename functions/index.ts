import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { renderCustomData } from '../cloud-init/render';
import { buildPartTemplate } from '../infra/cluster/build-cluster-template';
import { registerActivities } from '../orchestrations/activities/register';
import { orchestrations } from '../orchestrations/contracts';
import { convergeCluster } from '../orchestrations/converge-cluster';
import { startNodes } from '../orchestrations/start-nodes';
import { stopNodes } from '../orchestrations/stop-nodes';
import { restartNodes } from '../orchestrations/restart-nodes';
import { reimageNodes } from '../orchestrations/reimage-nodes';
import { resizeAgents } from '../orchestrations/resize-agents';
import { upgradeCluster } from '../orchestrations/upgrade-cluster';
import { repairMaster } from '../orchestrations/repair-master';
import { rebalanceCluster } from '../orchestrations/rebalance-cluster';
import { rotateKeys } from '../orchestrations/rotate-keys';
import { runChaos } from '../orchestrations/run-chaos';
import { changeWorkload } from '../orchestrations/change-workload';
import { renewAgents } from '../orchestrations/renew-agents';
import { deployCluster } from '../orchestrations/deploy-cluster';
import { destroyCluster } from '../orchestrations/destroy-cluster';
import { reconcileCluster } from '../orchestrations/reconcile-cluster';
import { retireNodes } from '../orchestrations/retire-nodes';
import { scaleCluster } from '../orchestrations/scale-cluster';
import { AZURE_ANCHORS_PEM } from '../shared/attestation/anchors';
import { createIssuerFetcher } from '../shared/attestation/issuer-fetcher';
import { createAttestationVerifier } from '../shared/attestation/verifier';
import { createAccessTokens } from '../shared/azure/access-tokens';
import { createAzureClients } from '../shared/azure/clients';
import { cacheVault } from '../shared/azure/cached-vault';
import { createCloud } from '../shared/azure/cloud';
import { createTokenMint } from '../shared/azure/mint';
import { createTableStores } from '../shared/azure/tables';
import { createVault } from '../shared/azure/vault';
import { readConfig, usesEntra, type Config } from '../shared/config';
import { connectEngine } from '../shared/engines/connect';
import { createEngines } from '../shared/engines/engines';
import { logTo } from '../shared/log';
import type { ClusterRecord } from '../shared/model/cluster';
import { uniqueSuffix } from '../shared/model/names';
import type { Attestation, Clock, DeploymentPart, World } from '../shared/ports';
import { onAzureEvent } from './eventgrid';
import { registerRoutes } from './http';
import { createOrchestrator } from './orchestrator';
import { everyMinute } from './timers';

/** The composition root: the only place that sees a port and its adapter together. */

/** Destination of each cluster's Event Grid subscription. */
const EVENT_FUNCTION = 'azureEvents';

function createWorld(config: Config): World {
  const clients = createAzureClients(config);
  const clock: Clock = { now: () => Date.now() };
  const source = createVault(clients);
  const vault = cacheVault(source, clock);
  return {
    ...createTableStores(clients),
    cloud: createCloud(clients),
    vault,
    mint: createTokenMint(vault, source),
    engines: createEngines(vault, connectEngine),
    attestation: createAttestation(config, clock),
    renderDeployment: (cluster, part) => renderDeployment(config, cluster, part),
    uniqueSuffix: (cluster) => uniqueSuffix(config.subscriptionId, cluster),
    clock,
  };
}

function createAttestation(config: Config, clock: Clock): Attestation {
  const verifier = createAttestationVerifier({
    anchorsPem: [...AZURE_ANCHORS_PEM, ...config.attestationRoots],
    now: clock.now,
    fetchIssuer: createIssuerFetcher(),
    trustedSubscriptionId: config.subscriptionId,
  });
  return {
    async verify(proof) {
      const verdict = await verifier.verify(proof);
      return verdict.ok ? { ok: true, vmId: verdict.vmId } : { ok: false, code: verdict.code, message: verdict.reason };
    },
  };
}

function renderDeployment(
  config: Config,
  { name, spec }: ClusterRecord,
  part: DeploymentPart = 'all',
): ReturnType<World['renderDeployment']> {
  const node = {
    engine: spec.engine,
    appUrl: config.publicUrl,
    cluster: name,
    version: spec.version,
    ssh: spec.ssh,
  };
  const master = renderCustomData({ ...node, role: 'master' });
  const input = {
    cluster: name,
    spec,
    app: {
      url: config.publicUrl,
      functionAppId: config.functionAppId,
      eventFunctionName: EVENT_FUNCTION,
      outboundAddresses: config.outboundAddresses,
    },
    customData: { master: () => master, agent: renderCustomData({ ...node, role: 'agent' }) },
    suffix: uniqueSuffix(config.subscriptionId, name),
  };
  return buildPartTemplate(input, part);
}

/** Made at the first use, so that a missing setting is an answer that names it and not a dead app. */
let made: World | undefined;
const world = (): World => (made ??= createWorld(readConfig(process.env)));

const durableClient = df.input.durableClient();
const tools = (context: InvocationContext) => ({
  world: world(),
  orchestrator: createOrchestrator(() => df.getClient(context)),
  log: logTo(context, { invocation: context.invocationId }),
});

let checkToken: ReturnType<typeof createAccessTokens> | undefined;
const requireOperator = (authorization: string | null): Promise<void> =>
  (checkToken ??= createAccessTokens({ ...readConfig(process.env).entra, now: () => Date.now() }))(authorization);

registerRoutes({
  tools,
  durableClient,
  publicUrl: () => readConfig(process.env).publicUrl,
  ...(usesEntra(process.env) ? { requireOperator } : {}),
});

app.eventGrid(EVENT_FUNCTION, {
  extraInputs: [durableClient],
  handler: (event, context) => onAzureEvent(tools(context), event),
});

app.timer('everyMinute', {
  schedule: '0 * * * * *',
  extraInputs: [durableClient],
  handler: (_timer, context) => everyMinute(tools(context), readConfig(process.env)),
});

const workflows = {
  deployCluster,
  scaleCluster,
  destroyCluster,
  reconcileCluster,
  retireNodes,
  convergeCluster,
  startNodes,
  stopNodes,
  restartNodes,
  reimageNodes,
  resizeAgents,
  upgradeCluster,
  repairMaster,
  rebalanceCluster,
  rotateKeys,
  runChaos,
  changeWorkload,
  renewAgents,
};
for (const [name, workflow] of Object.entries(workflows)) {
  df.app.orchestration(orchestrations[name as keyof typeof workflows].name, workflow as df.OrchestrationHandler);
}

registerActivities(world, (name, handler) =>
  df.app.activity(name, { handler: (input: unknown) => handler(input as never) }),
);
