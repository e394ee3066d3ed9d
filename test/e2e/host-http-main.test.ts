import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWorkerEntry, bundle, SAMPLE_APP } from '../support/host-sample/build-entry';
import { eventually } from '../support/host-sample/durable-host';

const MAIN = bundle('local/host/main.ts', 'host-main');
const stateDir = mkdtempSync(join(tmpdir(), 'host-main-'));
const processes: ChildProcess[] = [];
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(stateDir, { recursive: true, force: true });
});

interface Run {
  child: ChildProcess;
  output(): string;
  exit: Promise<number | null>;
}
function run(...options: string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...options], {
    env: {
      ...process.env,
      STARLING_WORKER_ENTRY: buildWorkerEntry(),
      COUNTER_DIR: stateDir,
      TICK_SCHEDULE: '0 0 0 1 1 *',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own
  });
  processes.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (data: Buffer) => (text += data.toString()));
  return { child, output: () => text, exit: once(child, 'close').then(([code]) => code as number | null) };
}

/** Starts the sample app and waits until it has printed its functions; gives the URL. */
async function serve(): Promise<Run & { url: string }> {
  const started = run('--app', SAMPLE_APP, '--port', '0', '--state', stateDir, '--key', 'the-key');
  const url = await eventually(() => {
    if (started.child.exitCode !== null) throw new Error(`It ended: ${started.output()}`);
    const listed = started.output().includes('Ctrl-C');
    return listed ? /http:\/\/127\.0\.0\.1:\d+/.exec(started.output())?.[0] : undefined;
  }, 'the list of functions');
  return { ...started, url };
}

test('lists the functions with their URLs, serves them with the key given, and ends cleanly on Ctrl-C', async () => {
  const { child, output, exit, url } = await serve();
  expect(output()).toContain(`httpEcho: [GET,POST,PUT] ${url}/api/echo/{name?}`);
  expect(output()).toContain('tick: timerTrigger');
  expect((await fetch(`${url}/api/locked?code=the-key`)).status).toBe(200);
  expect((await fetch(`${url}/api/locked?code=other`)).status).toBe(401);
  const endedAt = performance.now();
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(performance.now() - endedAt).toBeLessThan(5000);
});

test('goes on after kill -9 with the orchestrations that were under way', async () => {
  const first = await serve();
  await fetch(`${first.url}/api/start/main/survivor`, { method: 'POST', body: '{"key":"survivor","timerMs":300}' });
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await serve();
  const key = (JSON.parse(readFileSync(join(stateDir, 'keys.json'), 'utf8')) as { systemKeys: Record<string, string> })
    .systemKeys;
  const instance = `${second.url}/runtime/webhooks/durabletask/instances/survivor`;
  const query = `code=${key.durabletask_extension}`;
  const status = async (): Promise<{ customStatus: unknown; runtimeStatus: string; output: unknown }> =>
    (await (await fetch(`${instance}?${query}`)).json()) as never;
  await eventually(async () => (await status()).customStatus === 'waiting', 'the orchestration to wait');
  const approval = { method: 'POST', body: '1', headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${instance}/raiseEvent/Approval?${query}`, approval)).status).toBe(202);
  await eventually(async () => (await status()).runtimeStatus === 'Completed', 'the end');
  expect((await status()).output).toMatchObject({ sum: 2870, approved: 1 });
  second.child.kill('SIGTERM');
  expect(await second.exit).toBe(0);
});

test('ends cleanly within 5 s, although a request keeps the app busy, when Ctrl-C reaches app and host alike', async () => {
  const { child, exit, url } = await serve();
  const hanging = fetch(`${url}/api/spin/20000`, { method: 'POST' }).catch(() => undefined);
  await eventually(() => existsSync(join(stateDir, 'spins')), 'the request to run');
  const endedAt = performance.now();
  process.kill(-child.pid!, 'SIGINT'); // as a terminal does it: to the whole process group
  expect(await exit).toBe(0);
  expect(performance.now() - endedAt).toBeLessThan(5000);
  await hanging;
});

test('says what to do when the port is taken, and exits with 2', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { output, exit } = run(
    '--app',
    SAMPLE_APP,
    '--port',
    String((taken.address() as AddressInfo).port),
    '--state',
    stateDir,
  );
  expect(await exit).toBe(2);
  expect(output()).toMatch(/in use by another program\. Choose another port/);
  taken.close();
});

test('explains itself, and refuses what it does not know with 2', async () => {
  const help = run('--help');
  expect(await help.exit).toBe(0);
  expect(help.output()).toContain('--state');
  const wrong = run('--prot', '1');
  expect(await wrong.exit).toBe(2);
  expect(wrong.output()).toMatch(/--prot[\s\S]*--port/);
  expect(await run('--port', 'x').exit).toBe(2);
});

test('names the reason when the app cannot be loaded, and exits with 1', async () => {
  const { output, exit } = run('--app', stateDir, '--port', '0', '--state', stateDir);
  expect(await exit).toBe(1);
  expect(output()).toContain(stateDir);
});
