import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock';
import type { AppWorker, DurableHub, HubOptions, LogLine, WorkerOptions } from './contract';
import { durableClientBinding, type DurableLinksOptions } from './http/durable-links';
import { publicHandler, rpcHandler, type FrontContext } from './http/front';
import { loadKeys, type HostKeys } from './http/keys';
import { listen, type Listener } from './http/listener';
import { buildRoutes } from './http/routes';
import { isDisabled, warnOfUnsupportedBindings, withoutDisabled, type Settings } from './settings';
import { startTimers, type Timers } from './timers/start-timers';

export interface HostOptions {
  /** Holds the app's package.json and host.json; what `main` names there must be built. */
  appDir: string;
  /** Keys, timers and Durable state; made if missing. One host at a time. */
  stateDir: string;
  /** 0 takes any free port. */
  port: number;
  /** Address to listen on; 127.0.0.1 unless told. */
  bind?: string;
  clock: Clock;
  /** App settings, on top of this process's environment. */
  env?: Record<string, string>;
  /** For the Node of the app's process, such as `['-r', file]`. */
  nodeArgs?: string[];
  log?: (line: LogLine) => void;
  /** Built entry of the app's process, where it is not found by itself. */
  workerEntry?: string;
  /** Host key to use, and to keep, instead of a generated one. */
  hostKey?: string;
}

export interface FunctionsHost {
  /** Without a trailing slash. */
  url: string;
  keys: HostKeys;
  /** Without the functions that are disabled. */
  worker: AppWorker;
  hub: DurableHub;
  /** Ends within 5 s; a repeat waits for the same end. */
  stop(): Promise<void>;
}

/** The inner half: the app's process and the Durable engine. */
export interface HostParts {
  startWorker(options: WorkerOptions): Promise<AppWorker>;
  startHub(options: HubOptions): Promise<DurableHub>;
}

const LOOPBACK = '127.0.0.1';
/** Together they leave room within the 5 s that `stop` promises. */
const HTTP_GRACE_MS = 1500;
const WORKER_GRACE_MS = 1500;

/**
 * Starts everything, ports first: the app's settings tell it the port, and a busy port is reported before a process is made.
 * @throws PortBusy, or what the app or the Durable engine threw at its start; nothing is left running then.
 */
export async function openHost(options: HostOptions, parts: HostParts): Promise<FunctionsHost> {
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const opening = new Opening(options, parts);
  try {
    return await opening.open();
  } catch (error) {
    await opening.stop();
    throw error;
  }
}

class Opening {
  private readonly keys: HostKeys;
  private readonly log: (line: LogLine) => void;
  private readonly rpcSecret = randomBytes(16).toString('hex');
  private front?: Listener;
  private rpc?: Listener;
  private worker?: AppWorker;
  private hub?: DurableHub;
  private timers?: Timers;
  private context?: FrontContext;
  private becameReady!: (context: FrontContext) => void;
  private readonly ready = new Promise<FrontContext>((resolve) => (this.becameReady = resolve));
  private isOpen = false;
  private stopping?: Promise<void>;

  constructor(
    private readonly options: HostOptions,
    private readonly parts: HostParts,
  ) {
    this.keys = loadKeys(options.stateDir, options.hostKey);
    this.log = options.log ?? ((): void => undefined);
  }

  async open(): Promise<FunctionsHost> {
    const { options } = this;
    const serving = (): FrontContext | undefined => (this.isOpen ? this.context : undefined);
    this.front = await listen(options.port, options.bind ?? LOOPBACK, publicHandler(serving));
    this.rpc = await listen(0, LOOPBACK, rpcHandler(this.ready, this.rpcSecret));
    const env = childEnv(options.env ?? {}, this.front.port);
    const started = await this.startWorker(env);
    const settings: Settings = { ...process.env, ...env, ...started.settings };
    const worker = withoutDisabled(started, settings);
    const links = this.linksFor(worker, env.WEBSITE_HOSTNAME!);
    started.setDurableClientBinding(() => durableClientBinding(links));
    await this.startHub(worker, links.hubName);
    this.context = this.createContext({ started, worker, links, settings });
    this.timers = startTimers({ worker, stateDir: options.stateDir, clock: options.clock, settings, log: this.log });
    this.becameReady(this.context);
    this.isOpen = true;
    const url = `http://${LOOPBACK}:${this.front.port}`;
    return { url, keys: this.keys, worker, hub: this.hub!, stop: () => this.stop() };
  }

  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  /** The loopback listener stays to the end: functions that are finishing still use the durable client. */
  private async shutDown(): Promise<void> {
    this.isOpen = false;
    this.timers?.stop();
    await this.front?.close(HTTP_GRACE_MS);
    await Promise.all([this.hub?.stop(), this.worker?.stop(WORKER_GRACE_MS)]);
    await this.rpc?.close(0);
  }

  private async startWorker(env: Record<string, string>): Promise<AppWorker> {
    const { appDir, nodeArgs = [], workerEntry } = this.options;
    const { startWorker } = this.parts;
    this.worker = await startWorker({ appDir, env, nodeArgs, log: this.log, entryFile: workerEntry });
    warnOfUnsupportedBindings(this.worker.functions, this.log);
    return this.worker;
  }

  private async startHub(worker: AppWorker, hubName: string): Promise<void> {
    const { clock, stateDir } = this.options;
    const file = join(stateDir, 'durable.db');
    this.hub = await this.parts.startHub({ file, hubName, clock, worker, log: this.log });
  }

  private linksFor(worker: AppWorker, hostName: string): DurableLinksOptions {
    const durable = (worker.hostJson.extensions as { durableTask?: { hubName?: string } } | undefined)?.durableTask;
    return {
      hubName: durable?.hubName ?? 'TestHubName', // the extension's own default
      origin: `http://${hostName}`,
      rpcBaseUrl: `http://${LOOPBACK}:${this.rpc!.port}/${this.rpcSecret}/durabletask/`,
      systemKey: this.keys.systemKeys.durabletask_extension,
    };
  }

  private createContext({ started, worker, links, settings }: Wiring): FrontContext {
    const hub = this.hub!;
    const routes = buildRoutes(worker.functions, worker.hostJson.extensions?.http?.routePrefix ?? 'api', this.log);
    return {
      routes,
      keys: this.keys,
      settings,
      calls: { worker, log: this.log },
      durable: { hub, clock: this.options.clock, links: () => links },
      admin: {
        worker: started,
        hub,
        keys: this.keys,
        routes,
        origin: () => links.origin,
        isDisabled: (name) => isDisabled(settings, name),
        runTimer: (name) => this.timers?.runNow(name),
      },
    };
  }
}

interface Wiring {
  started: AppWorker;
  worker: AppWorker;
  links: DurableLinksOptions;
  settings: Settings;
}

/** WEBSITE_HOSTNAME must be there: without it durable-functions rewrites every URL to localhost:7071. */
function childEnv(own: Record<string, string>, port: number): Record<string, string> {
  const noProxy = [own.NO_PROXY ?? process.env.NO_PROXY ?? process.env.no_proxy, LOOPBACK, 'localhost']
    .filter(Boolean)
    .join(',');
  return {
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    FUNCTIONS_WORKER_RUNTIME: 'node',
    WEBSITE_HOSTNAME: `${LOOPBACK}:${port}`,
    ...own,
    NO_PROXY: noProxy, // the SDK's calls to this host must not go through a proxy of the environment
    no_proxy: noProxy,
  };
}
