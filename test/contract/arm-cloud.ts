import { createHttpHeaders, type HttpClient } from '@azure/core-rest-pipeline';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ResourceManagementClient } from '@azure/arm-resources';
import { SecretClient } from '@azure/keyvault-secrets';
import { newestApiVersion } from '../../local/azure/arm/api-versions';
import { parseTarget } from '../../local/azure/arm/ids';
import { createAzure, type Azure, type AzureSettings } from '../../local/azure/azure';
import { simulatedHttpClient } from '../../local/azure/http-client';
import type { SimResponse } from '../../local/azure/http';
import { virtualClock, type VirtualClock } from '../../local/clock';
import { createScheduler } from '../../local/scheduler';
import { memoryStore, type Store } from '../../local/store';
import type { MachineDriver, MachineSpec, ScheduledEvent } from '../../local/vm/machine';

export const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
const START = Date.parse('2026-11-22T10:00:00Z');

/** Notes what it is told; machines are up as soon as they are booted. */
export interface NotedDriver extends MachineDriver {
  booted: MachineSpec[];
  calls: string[];
  announced: { vmId: string; event: ScheduledEvent }[];
  deaf: Set<string>;
  /** Those that ask for scheduled events; none to begin with. */
  listening: Set<string>;
}

export function notedDriver(): NotedDriver {
  const calls: string[] = [];
  const booted: MachineSpec[] = [];
  const announced: NotedDriver['announced'] = [];
  const deaf = new Set<string>();
  const listening = new Set<string>();
  return {
    booted,
    calls,
    announced,
    deaf,
    listening,
    boot: (spec) => void (booted.push(spec), calls.push(`boot ${spec.vmId}`)),
    shutdown: (vmId, graceful) => void calls.push(`shutdown ${vmId} ${graceful ? 'graceful' : 'hard'}`),
    wipe: (vmId) => void calls.push(`wipe ${vmId}`),
    destroy: (vmId) => void calls.push(`destroy ${vmId}`),
    hang: (vmId) => void (deaf.add(vmId), calls.push(`hang ${vmId}`)),
    announce: (vmId, event) => void announced.push({ vmId, event }),
    hearsEvents: (vmId) => listening.has(vmId),
    runCommand: (vmId, script) =>
      deaf.has(vmId)
        ? Promise.reject(new Error('no answer'))
        : Promise.resolve({ stdout: `ran ${script.join(';')}`, stderr: '' }),
  };
}

export interface Cloud {
  azure: Azure;
  clock: VirtualClock;
  store: Store;
  driver: NotedDriver;
  compute: ComputeManagementClient;
  resources: ResourceManagementClient;
  secrets: SecretClient;
  delivered: {
    destination: string;
    events: { id: string; subject: string; eventType: string; data: { operationName: string } }[];
    headers: Record<string, string>;
  }[];
  /** A control route's answer. */
  control<Body = unknown>(method: string, path: string, body?: object): Promise<{ status: number; body: Body }>;
  /** A raw request to Resource Manager with a valid token. */
  arm(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<SimResponse>;
  /** Runs a long operation to its end in simulated time. */
  finish<T>(poller: Pollable<T>): Promise<T>;
}

interface Pollable<T> {
  poll(): Promise<unknown>;
  readonly isDone: boolean | (() => boolean);
  readonly result?: T | undefined;
  getResult?(): T | undefined;
  submitted?(): Promise<void>;
}

export interface CloudOptions {
  store?: Store;
  clock?: VirtualClock;
  driver?: NotedDriver;
  settings?: Partial<AzureSettings>;
  answer?: () => number;
}

/** A simulated Azure in virtual time, with the real SDK clients on top. */
export function cloud(options: CloudOptions = {}): Cloud {
  const clock = options.clock ?? virtualClock(START);
  const store = options.store ?? memoryStore();
  const driver = options.driver ?? notedDriver();
  const delivered: Cloud['delivered'] = [];
  const scheduler = createScheduler(store, clock, (error) => {
    throw error;
  });
  const settings: AzureSettings = {
    subscriptionId: SUBSCRIPTION,
    tenantId: '99999999-8888-4777-8666-555555555555',
    baseUrl: () => 'https://management.azure.com',
    deliver: async (destination, body, headers) => {
      const status = options.answer?.() ?? 200;
      if (status === 200) delivered.push({ destination, events: body as never, headers });
      return status;
    },
    ...options.settings,
  };
  const azure = createAzure({ store, clock, scheduler, driver, settings, log: () => undefined });
  azure.start();
  return {
    azure,
    clock,
    store,
    driver,
    delivered,
    ...clients(azure, clock),
    ...rawCalls(azure),
    finish: (poller) => finish(poller, clock),
  };
}

async function tokenFor(azure: Azure, resource: string): Promise<string> {
  const url = new URL(`http://identity/msi/token?api-version=2019-08-01&resource=${encodeURIComponent(resource)}`);
  const answer = await azure.identity({
    method: 'GET',
    url,
    headers: { 'x-identity-header': azure.identityHeader },
    body: '',
  });
  return (answer.body as { access_token: string }).access_token;
}

function clients(azure: Azure, clock: VirtualClock): Pick<Cloud, 'compute' | 'resources' | 'secrets'> {
  const httpClient = simulatedHttpClient(
    (url) => (url.hostname.endsWith('.vault.azure.net') ? azure.vault : azure.arm),
    createHttpHeaders,
  ) as HttpClient;
  const credential = {
    getToken: async (scopes: string | string[]) => {
      const scope = [scopes].flat()[0] ?? '';
      return {
        token: await tokenFor(azure, scope.replace(/\/\.default$/, '')),
        expiresOnTimestamp: clock.now() + 3_600_000,
      };
    },
  };
  const common = { httpClient, retryOptions: { maxRetries: 0 } };
  return {
    compute: new ComputeManagementClient(credential, SUBSCRIPTION, common),
    resources: new ResourceManagementClient(credential, SUBSCRIPTION, common),
    secrets: new SecretClient('https://local.vault.azure.net', credential, common),
  };
}

function rawCalls(azure: Azure): Pick<Cloud, 'arm' | 'control'> {
  return {
    async arm(method, path, body, headers = {}) {
      const authorization = `Bearer ${await tokenFor(azure, 'https://management.azure.com')}`;
      const url = new URL(path, 'https://management.azure.com');
      if (!url.searchParams.has('api-version'))
        url.searchParams.set('api-version', newestApiVersion(parseTarget(url.pathname)));
      return azure.arm({ method, url, headers: { authorization, ...headers }, body: body ? JSON.stringify(body) : '' });
    },
    async control(method, path, body) {
      const url = new URL(path, 'http://127.0.0.1');
      return (await azure.control({ method, url, headers: {}, body: body ? JSON.stringify(body) : '' })) as never;
    },
  };
}

async function finish<T>(poller: Pollable<T>, clock: VirtualClock): Promise<T> {
  await poller.submitted?.();
  const isDone = (): boolean => (typeof poller.isDone === 'function' ? poller.isDone() : poller.isDone);
  for (let tries = 0; tries < 400; tries += 1) {
    await poller.poll();
    if (isDone()) return (poller.getResult ? poller.getResult() : poller.result) as T;
    await clock.advance(5_000);
  }
  throw new Error('the operation did not end within 2000 simulated seconds');
}
