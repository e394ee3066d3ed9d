import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterRecord } from '../shared/model/cluster';
import { ENGINES } from '../shared/model/engines';
import { AppError } from '../shared/model/errors';
import type { NodeRecord } from '../shared/model/node';
import type { CommandProgress, World } from '../shared/ports';
import { choose, presentNodes } from './chosen-nodes';
import { requireCluster } from './clusters';
import type { Call, Reply } from './respond';

/** Azure's front end cuts a request off after 230 seconds, and clients' own patience is often two minutes. */
const WAIT_MS = 100_000;
/** Run command takes tens of seconds; Azure counts each question against the subscription's limits. */
const LEAST_PAUSE_MS = 2_000;
/** When it was not done within the wait: a VM agent that is that late is seldom back sooner. */
const COME_BACK_MS = 30_000;
const DEFAULT_LINES = 100;

/**
 * Reads the journal of a unit through the VM agent. Nothing is kept between requests: who comes back after a 503 has the
 * command run again, which changes nothing on the machine.
 */
export async function getLogs(call: Call, pause: (ms: number) => Promise<unknown> = sleep): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { world } = call;
  const node = String(call.query['node']);
  const [row] = choose(record.name, await presentNodes(world, record.name), [node]);
  if (!row) throw new AppError('NODE_NOT_FOUND', `${record.name} has no node ${node}`);
  await requirePower(world, row);
  const begun = await world.cloud.beginCommand(record.name, row, scriptFor(call, row, record));
  if (!begun.ok) throw new AppError(begun.code, begun.message);
  return { status: 200, body: await outputOf(world, begun.poller, pause) };
}

/** Both parts are checked by the route: a unit of a fixed list, and a number. */
function scriptFor({ query }: Call, row: NodeRecord, { spec }: ClusterRecord): string[] {
  const unit = unitFor(row, ENGINES[spec.engine].units[row.role], query['unit']);
  return [`journalctl --no-pager -o short-iso -u ${unit} -n ${query['lines'] ?? DEFAULT_LINES}`];
}

const ENGINE_UNITS = new Set(Object.values(ENGINES).flatMap(({ units }) => Object.values(units)));

/** The journal of an engine's unit that is not on the machine would only be empty. */
function unitFor({ nodeName }: NodeRecord, own: string, asked: unknown = own): string {
  const unit = String(asked);
  if (unit === own || !ENGINE_UNITS.has(unit)) return unit;
  throw new AppError('INVALID_REQUEST', `unit: the engine of ${nodeName} runs as ${own}, not as ${unit}`);
}

/** A machine that is off runs no command, and Azure would say so only in its own words. */
async function requirePower(world: World, { cluster, role, instanceId, nodeName }: NodeRecord): Promise<void> {
  const machine = await world.cloud.getMachine(cluster, role, instanceId);
  if (!machine) throw new AppError('NODE_NOT_FOUND', `Azure has no machine for ${nodeName} any more`);
  if (machine.power === 'running' || machine.power === 'starting' || machine.power === 'unknown') return;
  throw new AppError('COMMAND_FAILED', `${nodeName} is ${machine.power}: nothing can be read from it; start it first`);
}

async function outputOf(world: World, poller: string, pause: (ms: number) => Promise<unknown>): Promise<string> {
  const deadline = world.clock.now() + WAIT_MS;
  for (;;) {
    const polled: CommandProgress = await world.cloud.pollCommand(poller);
    if (polled.state === 'succeeded') return polled.stdout;
    if (polled.state === 'failed') throw new AppError(polled.code, polled.message);
    const wait = Math.max(LEAST_PAUSE_MS, polled.retryAfterMs);
    if (world.clock.now() + wait > deadline) throw stillRunning();
    await pause(wait);
  }
}

const stillRunning = (): AppError =>
  new AppError('AZURE_UNAVAILABLE', 'the agent of the machine has not answered within 100 seconds', {
    retryAfterMs: COME_BACK_MS,
  });
