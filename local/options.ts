import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { DemoEngine } from './demo';

export interface StartOptions {
  help: boolean;
  empty: boolean;
  /** Of the demo; undefined where nothing was said. */
  engine: DemoEngine | undefined;
  defaultEngine: DemoEngine;
  reset: boolean;
  appPort: number;
  azurePort: number;
  stateDir: string;
  scale: number;
  quotaCores: number;
  seed: number;
  /** VMs are containers with an operating system of their own. */
  realNodes: boolean;
  /** The app's setting of the same meaning. */
  scheduledChaos: boolean;
  verbose: boolean;
}

export const HELP = `npm start -- [options]      the whole of Starling on this machine

  --empty              deploy nothing (otherwise a cluster \`demo\` with one master and three agents)
  --reset              forget old state first
  --engine k3s|swarm   the demo's engine (k3s; with real nodes swarm, unless STARLING_K3S_BINARY is set)
  --real-nodes         VMs are containers with their own systemd and the real cloud-init (Linux, root; see local/vm/real)
  --verbose            show the app's and the simulated Azure's log
  --help               this text

Environment
  PORT                 the app's port (7071)
  LOCAL_AZURE_PORT     control routes of the local Azure (7072)
  STARLING_STATE_DIR   where everything is kept (.starling)
  STARLING_TIME_SCALE  simulated seconds per real second, 1 to 1000; with real nodes 1 to 10, and 1 by default (10)
  LOCAL_AZURE_QUOTA_CORES  approved cores of the simulated subscription (2400)
  LOCAL_AZURE_SEED     seed of every simulated delay and accident (1)
  STARLING_NODE_CACHE  root file systems of real nodes (~/.cache/starling)
  STARLING_K3S_BINARY  path or URL of the k3s that real nodes are to install (none)
  STARLING_SCHEDULED_CHAOS  true lets armed chaos schedules act (false)`;

/** A wrong argument or variable; the message says what would be right. */
export class UsageError extends Error {}

export function readOptions(args: string[], env: Record<string, string | undefined>, appDir: string): StartOptions {
  const { values } = parse(args);
  if (values.help) env = {}; // a wrong variable must not keep anybody from reading what would be right
  const realNodes = values['real-nodes'] ?? false;
  const hasK3s = !realNodes || Boolean(env['STARLING_K3S_BINARY']);
  return {
    help: values.help ?? false,
    empty: values.empty ?? false,
    engine: engine(values.engine, hasK3s),
    defaultEngine: hasK3s ? 'k3s' : 'swarm',
    reset: values.reset ?? false,
    verbose: values.verbose ?? false,
    // Not 0: the VMs keep the app's address on their disks, over restarts.
    appPort: number(env, 'PORT', 7071, [1, 65_535]),
    azurePort: number(env, 'LOCAL_AZURE_PORT', 7072, [0, 65_535]),
    stateDir: resolve(env['STARLING_STATE_DIR'] || `${appDir}/.starling`),
    scale: realNodes ? realScale(env) : number(env, 'STARLING_TIME_SCALE', 10, [1, 1000]),
    quotaCores: number(env, 'LOCAL_AZURE_QUOTA_CORES', 2400, [0, 1_000_000]),
    seed: number(env, 'LOCAL_AZURE_SEED', 1, [0, 2 ** 31]),
    realNodes,
    scheduledChaos: env['STARLING_SCHEDULED_CHAOS'] === 'true',
  };
}

function parse(args: string[]) {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args,
      options: { help: flag, empty: flag, reset: flag, verbose: flag, 'real-nodes': flag, engine: { type: 'string' } },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${HELP}`);
  }
}

/** Faster than this, deadlines of Azure and of the app would be over before a node could meet them. */
const MAX_REAL_SCALE = 10;

function realScale(env: Record<string, string | undefined>): number {
  try {
    return number(env, 'STARLING_TIME_SCALE', 1, [1, MAX_REAL_SCALE]);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}: with --real-nodes, nodes live in real time`);
  }
}

/** Real nodes reach no release page of k3s: without a binary they would wait for one until the deploy gives up. */
function engine(text: string | undefined, hasK3s: boolean): DemoEngine | undefined {
  if (text === 'k3s' && !hasK3s)
    throw new UsageError('--engine k3s with --real-nodes needs STARLING_K3S_BINARY; or take --engine swarm');
  if (text === undefined || text === 'k3s' || text === 'swarm') return text;
  throw new UsageError(`--engine must be k3s or swarm, not ${text}`);
}

function number(
  env: Record<string, string | undefined>,
  name: string,
  fallback: number,
  [min, max]: [number, number],
): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value >= min && value <= max) return value;
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not ${text}`);
}
