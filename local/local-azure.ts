import { writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { appSettings, detoursTo, FUNCTION_APP_ID, SUBSCRIPTION_ID, TENANT_ID, type LocalPorts } from './app-settings';
import { createAzure, type Azure } from './azure/azure';
import type { Handler } from './azure/http';
import { createAttestationControl, createImds } from './azure/imds';
import { createLocalPki, type LocalPki } from './azure/pki';
import { scaledClock, type Clock } from './clock';
import { createK3s } from './engines/k3s/k3s';
import { createK3sListener } from './engines/k3s/listener';
import { createSwarmListener } from './engines/swarm/listener';
import { createSwarm } from './engines/swarm/swarm';
import { startHost, type FunctionsHost, type LogLine } from './host';
import { listen, serve, type Listener } from './listeners';
import { CLOCK_VARIABLE, DETOURS_VARIABLE } from './preload-variables';
import { createScheduler } from './scheduler';
import { checkMachines, clockSetting, openState, rememberTime, secretOf, writeLocalJson } from './state';
import { startTables } from './tables';
import { createMachineInventory } from './vm/inventory';
import { APP_ADDRESS, startRealNodes, type NodeParts, type RealMachines } from './vm/real';
import { createSimulatedMachines, type SimulatedMachines } from './vm/simulated';

export interface LocalAzureOptions {
  /** Holds package.json, host.json and dist/ of the built app. */
  appDir: string;
  stateDir: string;
  appPort: number;
  azurePort: number;
  /** Simulated seconds per real second. */
  scale: number;
  quotaCores: number;
  seed: number;
  scheduledChaos: boolean;
  /** What VMs are made of that are real; without it they are simulated. */
  realNodes?: NodeParts;
  reset: boolean;
  log: (line: LogLine) => void;
  /** A part of it has died that it cannot do without. */
  onLost: (what: string) => void;
}

export interface LocalAzure {
  appUrl: string;
  azureUrl: string;
  /** Function key of the app. */
  key: string;
  clock: Clock;
  stop(): Promise<void>;
}

/** The whole product on this machine: simulated Azure, Azurite, VMs, engines, and the built app in its Functions host. */
export async function startLocalAzure(options: LocalAzureOptions): Promise<LocalAzure> {
  const cleanups: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return { ...(await assemble(options, (cleanup) => cleanups.push(cleanup))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type OnStop = (cleanup: () => void | Promise<void>) => void;

async function assemble(options: LocalAzureOptions, onStop: OnStop): Promise<Omit<LocalAzure, 'stop'>> {
  const { appDir, stateDir, scale, log } = options;
  const say = (message: string): void => log({ level: 'debug', category: 'azure', message });
  const store = openState(stateDir, options.reset);
  onStop(() => store.close());
  const setting = clockSetting(store, scale);
  const clock = scaledClock(setting);
  onStop(rememberTime(store, clock.now).stop);
  const scheduler = createScheduler(store, clock, (error) =>
    log({ level: 'error', category: 'azure', message: String(error instanceof Error ? error.stack : error) }),
  );
  const pki = createLocalPki(store, clock);
  const k3s = createK3s({ store, clock, scheduler, log: say });
  const swarm = createSwarm({ store, clock, scheduler, log: say });
  const inventory = createMachineInventory(store);
  const imds = createImds({
    machines: inventory,
    pki,
    clock,
    onAcknowledge: (eventId) => azure.acknowledge(eventId),
  });
  const world = { inventory, store, clock, imds: () => imds };
  checkMachines(store, options.realNodes ? 'real' : 'simulated');
  const real =
    options.realNodes &&
    (await startRealNodes({
      ...options,
      ...world,
      log: say,
      pki,
      parts: options.realNodes,
      onPoweredOff: (vmId) => azure.guestPoweredOff(vmId),
    }));
  if (real) onStop(real.stop);
  const machines: SimulatedMachines | RealMachines =
    real ??
    createSimulatedMachines({ ...world, scheduler, k3s, swarm, fetch: globalThis.fetch, seed: options.seed, log: say });
  const attestation = createAttestationControl({ machines: inventory, pki });
  const running: { host?: FunctionsHost } = {}; // Event Grid delivers to it as soon as it is there
  const azure: Azure = createAzure({
    store,
    clock,
    scheduler,
    driver: machines,
    log: say,
    guests: machines.list,
    extra: (path) =>
      controlOf(path, {
        attestation,
        machines: machines.control,
        nodes: real?.nodes,
        engines: inTurn([k3s.control, swarm.control]),
      }),
    settings: {
      subscriptionId: SUBSCRIPTION_ID,
      tenantId: TENANT_ID,
      baseUrl: () => 'https://management.azure.com',
      quotaCores: options.quotaCores,
      seed: options.seed,
      deliver: (destination, body, headers) => deliver(running.host, destination, body, headers),
    },
  });
  const doors = { azure, k3s: createK3sListener(k3s), swarm: createSwarmListener(swarm), pki, imds, real };
  const { ports, azureUrl } = await openPorts(options, doors, onStop);
  const env = { [CLOCK_VARIABLE]: JSON.stringify(setting), [DETOURS_VARIABLE]: JSON.stringify(detoursTo(ports)) };
  // The Kubernetes client loads punycode through node-fetch, which Starling does not use: nothing to warn a person of.
  const nodeArgs = ['--disable-warning=DEP0040', '-r', join(appDir, 'dist/local/preload.js')];
  const accountKey = secretOf(store, 'storage-account-key', 64);
  const tables = await startTables({
    entry: join(appDir, 'dist/local/azurite.js'),
    stateDir,
    accountKey,
    env,
    nodeArgs,
    onLost: () => options.onLost('Azurite, which holds the tables,'),
  });
  onStop(tables.stop);
  const rootFile = join(stateDir, 'local-root.pem');
  writeFileSync(rootFile, pki.rootPem);
  const app = {
    appUrl: `http://${real ? APP_ADDRESS : '127.0.0.1'}:${options.appPort}`,
    ports,
    tables: tables.connectionString,
    identityHeader: azure.identityHeader,
    rootPem: pki.rootPem,
    rootFile,
    scheduledChaos: options.scheduledChaos,
  };
  const host = await startHost({
    appDir,
    stateDir: join(stateDir, 'host'),
    port: options.appPort,
    clock,
    nodeArgs,
    log,
    env: { ...env, ...appSettings(app) },
  });
  running.host = host;
  onStop(host.stop);
  azure.start();
  onStop(azure.stop);
  real?.resume();
  const key = host.keys.default;
  writeLocalJson(stateDir, { appUrl: host.url, azureUrl, imdsUrl: `http://127.0.0.1:${ports.inside}`, key });
  return { appUrl: host.url, azureUrl, key, clock };
}

interface Doors {
  azure: Azure;
  k3s: Server;
  swarm: Server;
  pki: LocalPki;
  imds: Handler;
  real?: RealMachines;
}

async function openPorts(
  options: LocalAzureOptions,
  doors: Doors,
  onStop: OnStop,
): Promise<{ ports: LocalPorts; azureUrl: string }> {
  const opened = async (listener: Promise<Listener>): Promise<number> => {
    const { port, close } = await listener;
    onStop(close);
    return port;
  };
  const certificate = doors.pki.issueServerCertificate({
    names: ['management.azure.com', '*.vault.azure.net', 'localhost'],
    ips: ['127.0.0.1'],
  });
  const arm: Handler = (request) =>
    request.url.hostname.endsWith('.vault.azure.net') ? doors.azure.vault(request) : doors.azure.arm(request);
  const ports = {
    arm: await opened(serve(arm, 0, certificate)),
    engines: await opened(doors.real?.openDoor(6443) ?? listen(doors.k3s, 0)),
    docker: await opened(doors.real?.openDoor(2376) ?? listen(doors.swarm, 0)),
    inside: await opened(serve(insideHandler(doors), 0)),
  };
  const control = await opened(serve(doors.azure.control, options.azurePort));
  return { ports, azureUrl: `http://127.0.0.1:${control}` };
}

/** What only VMs and the app reach in Azure. */
function insideHandler({ azure, imds, pki }: Doors): Handler {
  return (request) => {
    if (request.url.pathname === '/msi/token') return azure.identity(request);
    if (request.url.pathname !== pki.issuerPath) return imds(request);
    return { status: 200, headers: { 'content-type': 'application/pkix-cert' }, body: pki.issuerDer };
  };
}

/** Control routes of the machines and engines; the others are Azure's own. */
function controlOf(
  path: string,
  handlers: { attestation: Handler; machines: Handler; nodes?: Handler; engines: Handler },
): Handler | undefined {
  if (path === '/_local/nodes') return handlers.nodes;
  if (path === '/_local/attestation') return handlers.attestation;
  if (path === '/_local/boot-failures') return handlers.machines;
  return path.startsWith('/_local/engine/') ? handlers.engines : undefined;
}

/** The engine that has the cluster answers; when none has it, all say so. */
const inTurn =
  (handlers: Handler[]): Handler =>
  async (request) => {
    const errors: string[] = [];
    for (const handler of handlers) {
      const answer = await handler(request);
      if (answer.status !== 404) return answer;
      errors.push((answer.body as { error: string }).error);
    }
    return { status: 404, body: { error: errors.join('; ') } };
  };

/** Event Grid pushes to a function of the app; 404 while the function is not there, as in Azure. */
async function deliver(
  host: FunctionsHost | undefined,
  destination: string,
  body: object[],
  headers: Record<string, string>,
): Promise<number> {
  const match = /^(.*)\/functions\/([^/]+)$/i.exec(destination);
  if (!host || match?.[1]?.toLowerCase() !== FUNCTION_APP_ID.toLowerCase()) return 404;
  const url = `${host.url}/runtime/webhooks/eventgrid?functionName=${match[2]}&code=${host.keys.systemKeys.eventgrid_extension}`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}
