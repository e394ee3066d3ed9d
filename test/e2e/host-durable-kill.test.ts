import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstanceStatus } from '../../local/host/contract';
import { eventually } from '../support/host-sample/durable-host';
import { KillableHost } from '../support/host-sample/killable-host';

const INSTANCES = 60;
const KILLS = 6;
const LONGEST_LIFE_MS = 90; // After it is ready; long enough for work to be under way, too short to end it all.

interface Kind {
  name: string;
  input: (i: number) => unknown;
  isRight: (output: never, i: number) => boolean;
}

/** What the sample app has of each feature, with the only right output. */
const KINDS: Kind[] = [
  { name: 'eternal', input: () => undefined, isRight: (output: number) => output === 55 },
  { name: 'chain', input: () => 12, isRight: (output: number) => output === 12 },
  { name: 'fanOut', input: () => 15, isRight: (output: number) => output === 15 },
  { name: 'manyRetries', input: () => undefined, isRight: (output: unknown[]) => output.at(-1) === 16 },
  {
    name: 'entities',
    input: () => undefined,
    isRight: ({ before, after, a }: Record<string, number>) => after! - before! === 100 && a === 12,
  },
  {
    name: 'main',
    input: (i) => ({ key: `c${i}`, timerMs: 50 + (i % 7) * 60, failures: i % 3 }),
    isRight: (output: { sum: number; approved: number; sub: number }, i) =>
      output.sum === 2870 && output.approved === i && output.sub === 14,
  },
];
const kindOf = (i: number): Kind => KINDS[i % KINDS.length]!;

let folder: string;
let host: KillableHost;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-kill-'));
  host = new KillableHost(join(folder, 'durable.db'), folder);
});
afterEach(async () => {
  await host.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** A client that asks again until the host is back. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!/the host is dead|channel closed/i.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function startInstance(i: number): Promise<void> {
  const { name, input } = kindOf(i);
  try {
    await insist(() => host.call('start', { name, input: input(i), instanceId: `c-${i}` }));
  } catch (error) {
    if (!/already exists/.test(String(error))) throw error; // it was stored, only the answer was lost
  }
  if (name === 'main') await insist(() => host.call('raiseEvent', `c-${i}`, 'Approval', i));
}

const endOf = (id: string): Promise<InstanceStatus> =>
  eventually(async () => {
    const status = await host.call('status', id);
    return status && ['Completed', 'Failed'].includes(status.runtimeStatus) ? status : undefined;
  }, `the end of ${id}`);

test(`brings ${INSTANCES} orchestrations to the right end through ${KILLS} kills of the host`, async () => {
  await host.start();
  let interrupted = 0;
  for (let kill = 0, i = 0; kill < KILLS; kill++) {
    const starts: Promise<void>[] = [];
    for (; i < ((kill + 1) * INSTANCES) / KILLS; i++) starts.push(startInstance(i));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS)); // any moment is a good one to die
    await host.kill();
    await host.start();
    interrupted += (await host.call('list', { runtimeStatus: ['Pending', 'Running'] })).instances.length;
    await Promise.all(starts);
  }
  expect(interrupted).toBeGreaterThan(KILLS); // else the kills have shown nothing
  const wrong: unknown[] = [];
  for (let i = 0; i < INSTANCES; i++) {
    const { name, runtimeStatus, output } = await endOf(`c-${i}`);
    if (runtimeStatus !== 'Completed' || !kindOf(i).isRight(output as never, i))
      wrong.push({ i, name, runtimeStatus, output });
  }
  expect(wrong).toEqual([]);
  expect(host.errors).toBe('');
});

test('leaves no worker process behind, even one in a busy loop', async () => {
  await host.start();
  await host.call('start', { name: 'calls', input: { name: 'spins', input: 'spin' }, instanceId: 'spinning' });
  const file = join(folder, 'spin.pid');
  const pid = Number(await eventually(() => existsSync(file) && readFileSync(file, 'utf8'), 'the busy loop'));
  expect(isAlive(pid)).toBe(true);
  await host.kill();
  await eventually(() => !isAlive(pid), 'the end of the worker');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A killed child of a killed parent may stay a zombie where nobody reaps it.
    return !existsSync('/proc') || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
