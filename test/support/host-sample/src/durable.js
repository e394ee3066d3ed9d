'use strict';
/** Orchestrations, activities and entities that exercise each feature of the Durable engine. */
const df = require('durable-functions');
const { appendFileSync, existsSync, statSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const inMs = (context, ms) => new Date(context.df.currentUtcDateTime.getTime() + ms);
const { activity, orchestration, entity } = df.app;

/** Counts a call in a file that outlives the process; returns the new count. */
function count(name) {
  const folder = process.env.COUNTER_DIR;
  if (!folder) throw new Error('COUNTER_DIR is not set');
  const file = join(folder, name);
  const calls = (existsSync(file) ? statSync(file).size : 0) + 1;
  appendFileSync(file, '.');
  return calls;
}

activity('square', { handler: (n) => n * n });
activity('echo', { handler: (value) => value });
activity('slow', { handler: (ms) => delay(ms).then(() => ms) });
activity('setting', { handler: (name) => process.env[name] ?? null });
activity('flaky', {
  handler: ({ key, failures }) => {
    const calls = count(key);
    if (calls <= failures) throw new Error(`flaky ${key} attempt ${calls}`);
    return `ok after ${calls}`;
  },
});
activity('counted', {
  handler: async ({ key, ms }) => {
    const calls = count(key);
    await delay(ms ?? 0);
    return calls;
  },
});
activity('exits', { handler: (key) => (count(key), process.exit(3)) });
activity('exitsOnce', { handler: (key) => (count(key) === 1 ? process.exit(3) : 'survived') });
activity('throwsLater', {
  handler: async (key) => {
    count(key);
    setTimeout(() => {
      throw new Error('thrown out of a callback');
    }, 1);
    await delay(60_000);
  },
});
activity('spins', {
  handler: (key) => {
    count(key);
    writeFileSync(join(process.env.COUNTER_DIR, `${key}.pid`), String(process.pid));
    for (;;);
  },
});
activity('large', { handler: (length) => 'x'.repeat(length) });

entity('Counter', (context) => {
  const value = context.df.getState(() => 0);
  const input = context.df.getInput();
  switch (context.df.operationName) {
    case 'add':
      return context.df.setState(value + input);
    case 'get':
      return context.df.return(value);
    case 'delete':
      return context.df.destructOnExit();
    case 'boom':
      throw 'entity boom';
    case 'die':
      return process.exit(4);
    case 'forward':
      return context.df.signalEntity(new df.EntityId('Counter', input), 'add', value);
  }
});

orchestration('main', function* (context) {
  const input = context.df.getInput();
  const tasks = Array.from({ length: 20 }, (_, i) => context.df.callActivity('square', i + 1));
  const squares = yield context.df.Task.all(tasks);
  context.df.setCustomStatus({ stage: 'fanned in' });
  const retry = new df.RetryOptions(50, 4);
  retry.backoffCoefficient = 2;
  const flaky = yield context.df.callActivityWithRetry('flaky', retry, {
    key: input.key,
    failures: input.failures ?? 2,
  });
  yield context.df.createTimer(inMs(context, input.timerMs ?? 100));
  context.df.setCustomStatus('waiting');
  const timeout = context.df.createTimer(inMs(context, 60_000));
  const approval = context.df.waitForExternalEvent('Approval');
  const winner = yield context.df.Task.any([approval, timeout]);
  if (winner === approval) timeout.cancel();
  const sub = yield context.df.callSubOrchestrator('sumOfSquares', [1, 2, 3]);
  const counter = new df.EntityId('Counter', input.key);
  context.df.signalEntity(counter, 'add', 10);
  const counted = yield context.df.callEntity(counter, 'get');
  const sum = squares.reduce((a, b) => a + b, 0);
  return { sum, flaky, approved: winner === approval ? approval.result : 'timeout', sub, counted };
});

orchestration('sumOfSquares', function* (context) {
  const parts = yield context.df.Task.all(context.df.getInput().map((n) => context.df.callActivity('square', n)));
  return parts.reduce((a, b) => a + b, 0);
});

orchestration('noop', function* () {
  return 1;
});
orchestration('fanOut', function* (context) {
  const tasks = Array.from({ length: context.df.getInput() }, (_, i) => context.df.callActivity('square', i));
  return (yield context.df.Task.all(tasks)).length;
});
orchestration('chain', function* (context) {
  let value = 0;
  for (let i = 0; i < context.df.getInput(); i++) value = yield context.df.callActivity('echo', value + 1);
  return value;
});

orchestration('manyRetries', function* (context) {
  // Ids that retries consume inside the SDK interleave with those of user actions.
  const retry = new df.RetryOptions(20, 3);
  const flaky = (suffix, failures) =>
    context.df.callActivityWithRetry('flaky', retry, { key: `${context.df.instanceId}-${suffix}`, failures });
  const out = [];
  const tasks = Array.from({ length: 8 }, (_, i) => flaky(i, i % 3));
  yield context.df.Task.any([...tasks, context.df.callActivity('slow', 10)]);
  out.push(yield context.df.callActivity('slow', 15));
  yield context.df.Task.any([context.df.callActivity('slow', 5), context.df.createTimer(inMs(context, 25))]);
  out.push(yield context.df.callActivity('slow', 30));
  try {
    yield flaky('x', 99);
  } catch (error) {
    out.push(error.message.split('\n')[0].trim());
  }
  out.push(yield context.df.callSubOrchestrator('sumOfSquares', [4]));
  return out;
});

orchestration('eternal', function* (context) {
  const { n, sum } = context.df.getInput() ?? { n: 0, sum: 0 };
  const square = yield context.df.callActivity('square', n);
  if (n >= 5) return sum + square;
  context.df.continueAsNew({ n: n + 1, sum: sum + square });
});
orchestration('events', function* (context) {
  const got = [];
  for (let i = 0; i < 3; i++) got.push(yield context.df.waitForExternalEvent('E'));
  const both = yield context.df.Task.all([context.df.waitForExternalEvent('A'), context.df.waitForExternalEvent('B')]);
  return { got, both };
});
orchestration('waitsForGo', function* (context) {
  return yield context.df.waitForExternalEvent('Go');
});
orchestration('sleeps', function* (context) {
  const before = context.df.currentUtcDateTime.getTime();
  yield context.df.createTimer(inMs(context, context.df.getInput()));
  return { before, after: context.df.currentUtcDateTime.getTime() };
});

orchestration('failing', function* (context) {
  context.df.signalEntity(new df.EntityId('Counter', 'failing'), 'add', 1);
  yield context.df.callActivity('echo', 1);
  throw new Error('orchestrator boom');
});
orchestration('failsWithOpenTasks', function* (context) {
  yield context.df.Task.any([
    context.df.callActivity('slow', 1),
    context.df.callActivity('counted', { key: context.df.instanceId, ms: 300 }),
  ]);
  throw new Error('failed early');
});
orchestration('catchesFailedChild', function* (context) {
  try {
    yield context.df.callSubOrchestratorWithRetry('failing', new df.RetryOptions(10, 2), null);
  } catch (error) {
    return `caught: ${error.message.split('\n')[0].trim()}`;
  }
});
orchestration('unknownActivity', function* (context) {
  yield context.df.callActivity('nope', 1);
});
orchestration('reusesTask', function* (context) {
  const timeout = context.df.createTimer(inMs(context, 30_000));
  yield context.df.Task.any([context.df.callActivity('slow', 1), timeout]);
  yield context.df.Task.any([context.df.callActivity('slow', 2), timeout]);
});
orchestration('changesOnReplay', function* (context) {
  yield context.df.callActivity(count(context.df.instanceId) === 1 ? 'square' : 'echo', 1);
  return 'not noticed';
});
orchestration('stopsShortOnReplay', function* (context) {
  if (count(context.df.instanceId) > 1) return 'not noticed';
  yield context.df.callActivity('square', 1);
});
orchestration('changesAfterEvent', function* (context) {
  yield context.df.callActivity(count(context.df.instanceId) < 3 ? 'square' : 'echo', 1);
  context.df.setCustomStatus('waiting');
  return yield context.df.waitForExternalEvent('Go');
});
orchestration('mutatesInput', function* (context) {
  const state = { step: 0 };
  while (state.step < 3) {
    yield context.df.callActivity('echo', state);
    state.step++;
  }
  return state;
});

orchestration('calls', function* (context) {
  const { name, input } = context.df.getInput();
  return yield context.df.callActivity(name, input);
});
orchestration('callsWithRetry', function* (context) {
  const { name, input } = context.df.getInput();
  return yield context.df.callActivityWithRetry(name, new df.RetryOptions(10, 5), input);
});
orchestration('orchestratorExits', function* () {
  process.exit(5);
});
orchestration('callsEntity', function* (context) {
  const { key, operation, input } = context.df.getInput();
  return yield context.df.callEntity(new df.EntityId('Counter', key), operation, input);
});

orchestration('entities', function* (context) {
  const first = new df.EntityId('Counter', context.df.instanceId);
  const second = new df.EntityId('Counter', `${context.df.instanceId}-2`);
  yield context.df.callEntity(first, 'add', 5);
  context.df.signalEntity(first, 'add', 7);
  const a = yield context.df.callEntity(first, 'get');
  yield context.df.callEntity(first, 'forward', second.key);
  let error = '';
  try {
    yield context.df.callEntity(first, 'boom');
  } catch (caught) {
    error = caught.message;
  }
  const lock = yield context.df.lock(first, second);
  const before = yield context.df.callEntity(second, 'get');
  yield context.df.callActivity('slow', 20);
  yield context.df.callEntity(second, 'add', 100);
  const after = yield context.df.callEntity(second, 'get');
  lock.release();
  return { a, error, before, after, guidLength: context.df.newGuid(context.df.instanceId).length };
});
orchestration('addsUnderLock', function* (context) {
  // Read, wait, write: without the lock, increments of parallel instances get lost.
  const counter = new df.EntityId('Counter', context.df.getInput());
  const lock = yield context.df.lock(counter);
  const value = yield context.df.callEntity(counter, 'get');
  yield context.df.callActivity('slow', 5);
  yield context.df.callEntity(counter, 'add', 1);
  lock.release();
  return value;
});

orchestration('callsHttp', function* (context) {
  const response = yield context.df.callHttp(context.df.getInput());
  return { status: response.statusCode, content: response.content };
});
orchestration('values', function* (context) {
  const out = [];
  for (const value of ['text', '{"a":1}', 12, 1.5, true, null, { a: [1] }, [1, 'x'], '']) {
    out.push(yield context.df.callActivity('echo', value));
  }
  out.push((yield context.df.callActivity('echo')) ?? 'nothing');
  out.push(context.df.getInput());
  return out;
});
