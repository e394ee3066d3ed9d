import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AppWorker, LogLine } from '../../local/host/contract';
import { startWorker } from '../../local/host/worker/supervisor';
import { buildWorkerEntry } from '../support/host-sample/build-entry';
import { eventually } from '../support/host-sample/durable-host';

const NODE_MODULES = join(__dirname, '../../node_modules');
let folder: string;
let worker: AppWorker | undefined;
let lines: LogLine[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-worker-'));
  symlinkSync(NODE_MODULES, join(folder, 'node_modules'));
  lines = [];
});
afterEach(async () => {
  await worker?.stop(500);
  worker = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** An app of these files, started. */
async function start(files: Record<string, string>, env: Record<string, string> = {}): Promise<AppWorker> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const log = (line: LogLine): void => void lines.push(line);
  worker = await startWorker({ appDir: folder, env, nodeArgs: [], log, entryFile: buildWorkerEntry() });
  return worker;
}

const TIMER = `app.timer('tick', { schedule: '%CRON%', handler: (timer, context) => { context.log('ticked'); return { timer, value: process.env.VALUE }; } });`;
const COMMON_JS = `const { app } = require('@azure/functions'); ${TIMER}`;
const ES_MODULE = `import { app } from '@azure/functions'; ${TIMER}`;
const SETTINGS = JSON.stringify({ Values: { CRON: '0 0 * * * *', VALUE: 'file' } });

test.each([
  ['CommonJS', { 'package.json': '{"main":"main.js"}', 'main.js': COMMON_JS }],
  ['an ES module', { 'package.json': '{"main":"main.mjs"}', 'main.mjs': ES_MODULE }],
  ['a package of type module', { 'package.json': '{"main":"a/*.js","type":"module"}', 'a/main.js': ES_MODULE }],
])('loads and runs an app that is %s', async (_, files) => {
  const app = await start({ ...files, 'local.settings.json': SETTINGS });
  expect(app.find('TICK')?.trigger).toMatchObject({ type: 'timerTrigger', schedule: '0 0 * * * *' });
  await app.invoke({ functionName: 'tick', data: { json: '{"IsPastDue":false}' } });
  expect(lines).toContainEqual({ level: 'information', category: 'Function.tick.User', message: 'ticked' });
});

test('prefers what the environment sets over local.settings.json', async () => {
  const files = { 'package.json': '{"main":"main.js"}', 'main.js': COMMON_JS, 'local.settings.json': SETTINGS };
  const app = await start(files, { CRON: '* * * * * *' });
  expect(app.find('tick')?.trigger.schedule).toBe('* * * * * *');
  expect(app.settings).toMatchObject({ CRON: '* * * * * *', VALUE: 'file' });
});

test.each([
  [
    'an error of its own',
    { 'main.js': "throw new Error('the app is broken')" },
    /could not be loaded: Error: the app is broken/,
  ],
  ['no file for main', {}, /No file in .* matches "main"/],
  ['no functions', { 'main.js': '' }, /never loaded @azure\/functions/],
  ['an unreadable host.json', { 'main.js': COMMON_JS, 'host.json': '{' }, /host\.json is not valid JSON/],
  [
    'an impossible functionTimeout',
    { 'main.js': COMMON_JS, 'host.json': '{"functionTimeout":"soon"}' },
    /must look like 00:05:00/,
  ],
  ['an exit', { 'main.js': 'process.exit(0)' }, /ended its process while it was loaded/],
])('refuses to start an app with %s', async (_, files, message) => {
  await expect(start({ 'package.json': '{"main":"main.js"}', ...files })).rejects.toThrow(message);
});

test('tells what a function threw, and goes on with the next', async () => {
  const app = await start({
    'package.json': '{"main":"main.js"}',
    'main.js': `const { app } = require('@azure/functions');
      app.timer('fails', { schedule: '0 * * * * *', handler: () => { throw new TypeError('no such thing'); } });
      app.timer('works', { schedule: '0 * * * * *', return: { type: 'x', name: '$return' }, handler: () => undefined });`,
  });
  const timer = { json: '{}' };
  const failing = app.invoke({ functionName: 'fails', data: timer });
  await expect(failing).rejects.toMatchObject({ message: 'no such thing', remote: { name: 'TypeError' } });
  await expect(app.invoke({ functionName: 'works', data: timer })).resolves.toBeDefined();
  await expect(app.invoke({ functionName: 'nope', data: timer })).rejects.toThrow(/no function 'nope'/);
});

test('runs the hooks around an invocation and at the end', async () => {
  const app = await start({
    'package.json': '{"main":"main.js"}',
    'main.js': `const { app } = require('@azure/functions');
      app.hook.appStart(() => console.log('hook: start'));
      app.hook.preInvocation((context) => { context.inputs = ['changed']; });
      app.hook.postInvocation((context) => console.log('hook: after ' + context.result));
      app.hook.appTerminate(() => console.log('hook: terminate'));
      app.timer('tick', { schedule: '0 * * * * *', handler: (input) => input });`,
  });
  await app.invoke({ functionName: 'tick', data: { json: '{}' } });
  await app.stop();
  const said = (): string[] =>
    lines.filter((line) => line.category === 'Host.Function.Console').map((line) => line.message);
  await eventually(() => said().length === 3, 'the last line'); // output may arrive after the end of its process
  expect(said()).toEqual(['hook: start', 'hook: after changed', 'hook: terminate']);
});

test('gives durableClient bindings what the host provides', async () => {
  const app = await start({
    'package.json': '{"main":"main.js"}',
    'main.js': `const { app } = require('@azure/functions'); const df = require('durable-functions');
      const client = df.input.durableClient();
      app.timer('tick', { schedule: '0 * * * * *', extraInputs: [client], handler: (_, context) => { context.log(context.extraInputs.get(client).taskHubName); } });`,
  });
  app.setDurableClientBinding(() => JSON.stringify({ taskHubName: 'TheHub' }));
  expect(app.find('tick')?.durableClients).toHaveLength(1);
  await app.invoke({ functionName: 'tick', data: { json: '{}' } });
  expect(lines.map((line) => line.message)).toContain('TheHub');
});
