import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, startDurableHost, type DurableHost } from '../support/host-sample/durable-host';

let host: DurableHost;
beforeAll(async () => {
  host = await startDurableHost();
});
afterAll(() => host.stop());

const counter = (key: string): { name: string; key: string } => ({ name: 'Counter', key });
const counted = (key: string, value: unknown): Promise<true> =>
  eventually(
    async () => (await host.hub.readEntity(counter(key))).state === value || undefined,
    `${key} = ${String(value)}`,
  );

test('carries fan-out, retry, timer, external event, sub-orchestration and entity through one orchestration', async () => {
  const { instanceId } = await host.hub.start({ name: 'main', input: { key: 'm1' } });
  await eventually(async () => (await host.hub.status(instanceId))?.customStatus === 'waiting' || undefined, 'waiting');
  expect(await host.hub.raiseEvent(instanceId, 'Approval', { by: 'me' })).toBe('accepted');
  const { runtimeStatus, output } = await host.ended(instanceId);
  expect({ runtimeStatus, output }).toEqual({
    runtimeStatus: 'Completed',
    output: { sum: 2870, flaky: 'ok after 3', approved: { by: 'me' }, sub: 14, counted: 10 },
  });
});

test('counts task ids as the SDK does while retries interleave', async () => {
  const ended = await Promise.all(Array.from({ length: 10 }, () => host.run('manyRetries')));
  for (const { output } of ended) {
    expect(output).toEqual([15, 30, expect.stringMatching(/flaky .*-x attempt 3/), 16]);
  }
});

test('begins anew with continueAsNew until the code returns', async () => {
  expect((await host.run('eternal')).output).toBe(55);
});

test('keeps external events that come early, in order', async () => {
  const { instanceId } = await host.hub.start({ name: 'events' });
  for (const [name, data] of [
    ['E', 0],
    ['E', 1],
    ['B', 'b'],
    ['E', 2],
    ['A', 'a'],
  ] as const) {
    await host.hub.raiseEvent(instanceId, name, data);
  }
  expect((await host.ended(instanceId)).output).toEqual({ got: [0, 1, 2], both: ['a', 'b'] });
});

test('fails an orchestration with its error, and its signals are sent all the same', async () => {
  const { runtimeStatus, output } = await host.run('failing');
  expect({ runtimeStatus, output }).toEqual({
    runtimeStatus: 'Failed',
    output: "Orchestrator function 'failing' failed: orchestrator boom",
  });
  await counted('failing', 1);
  expect((await host.run('catchesFailedChild')).output).toMatch(/^caught: Orchestrator function 'failing' failed/);
  await counted('failing', 3);
});

test('fails an orchestration that calls an unknown activity, with the names that are known', async () => {
  expect((await host.run('unknownActivity')).output).toMatch(
    /The function 'nope' doesn't exist.*known activity functions: 'square'/,
  );
});

test('keeps a failed orchestration Running until its open tasks have ended', async () => {
  const { instanceId } = await host.hub.start({ name: 'failsWithOpenTasks', instanceId: 'waits-for-open' });
  const seen = new Set<string>();
  const status = await eventually(async () => {
    const now = await host.hub.status(instanceId, { history: true });
    seen.add(
      `${now?.runtimeStatus} after ${(now?.historyEvents ?? []).filter((event) => (event as { EventType: string }).EventType === 'TaskCompleted').length}`,
    );
    return now?.runtimeStatus === 'Failed' ? now : undefined;
  }, 'the failure');
  expect(seen).toContain('Running after 1');
  expect(seen).not.toContain('Failed after 1');
  expect(status.output).toMatch(/failed early/);
});

test('calls, signals, forwards, locks and deletes entities', async () => {
  const { output } = await host.run('entities');
  expect(output).toEqual({
    a: 12,
    error: expect.stringContaining('entity boom'),
    before: 12,
    after: 112,
    guidLength: 36,
  });
  await host.hub.signalEntity(counter('e9'), 'add', 4);
  await host.hub.signalEntity(counter('e9'), 'add', 5);
  await counted('e9', 9);
  await host.hub.signalEntity(counter('e9'), 'delete', undefined);
  await eventually(async () => !(await host.hub.readEntity(counter('e9'))).exists || undefined, 'deletion');
});

test('lets one orchestration at a time into a critical section', async () => {
  const ended = await Promise.all(Array.from({ length: 8 }, () => host.run('addsUnderLock', 'locked')));
  expect(ended.map((each) => each.output).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('releases the locks of an orchestration that is terminated', async () => {
  const first = await host.hub.start({ name: 'addsUnderLock', input: 'orphaned' });
  await host.hub.terminate(first.instanceId, 'enough');
  await host.ended(first.instanceId);
  expect((await host.run('addsUnderLock', 'orphaned')).runtimeStatus).toBe('Completed');
});

test('suspends, resumes and terminates', async () => {
  const { instanceId } = await host.hub.start({ name: 'waitsForGo', instanceId: 'controlled' });
  const become = (wanted: string): Promise<true> =>
    eventually(async () => (await host.hub.status(instanceId))?.runtimeStatus === wanted || undefined, wanted);
  await become('Running');
  await host.hub.suspend(instanceId, 'a break');
  await become('Suspended');
  await host.hub.raiseEvent(instanceId, 'Go', 'now');
  expect(await host.hub.raiseEvent('nobody', 'Go', 1)).toBe('unknown');
  expect((await host.hub.status(instanceId))?.runtimeStatus).toBe('Suspended');
  await host.hub.resume(instanceId, 'on');
  expect((await host.ended(instanceId)).output).toBe('now');
  expect(await host.hub.terminate(instanceId, 'late')).toBe('gone');

  const other = await host.hub.start({ name: 'waitsForGo' });
  expect(await host.hub.terminate(other.instanceId, 'enough')).toBe('accepted');
  expect(await host.ended(other.instanceId)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
});

test('refuses an id that is in use, a bad id and an unknown function; replaces an ended instance', async () => {
  await host.hub.start({ name: 'waitsForGo', instanceId: 'taken' });
  await expect(host.hub.start({ name: 'noop', instanceId: 'taken' })).rejects.toThrow(/already exists/);
  await expect(host.hub.start({ name: 'noop', instanceId: 'a/b' })).rejects.toThrow(/must not contain/);
  await expect(host.hub.start({ name: 'square' })).rejects.toThrow(/not an orchestrator function/);
  await host.hub.terminate('taken', '');
  await host.ended('taken');
  expect((await host.run('noop', undefined, 'taken')).output).toBe(1);
});

test('lists by page, status and prefix, and purges only what has ended', async () => {
  for (let i = 0; i < 5; i++) await host.run('noop', undefined, `page-${i}`);
  await host.hub.start({ name: 'waitsForGo', instanceId: 'page-open' });
  const first = await host.hub.list({ instanceIdPrefix: 'page-', top: 4 });
  const rest = await host.hub.list({ instanceIdPrefix: 'page-', top: 4, continuationToken: first.continuationToken });
  expect([...first.instances, ...rest.instances].map((each) => each.instanceId)).toEqual([
    ...[0, 1, 2, 3, 4].map((i) => `page-${i}`),
    'page-open',
  ]);
  expect(rest.continuationToken).toBeUndefined();
  expect(await host.hub.purge({ instanceId: 'page-open' })).toBe(0);
  expect(await host.hub.purge({ instanceIdPrefix: 'page-' })).toBe(5);
  expect(await host.hub.status('page-0')).toBeUndefined();
  expect((await host.hub.list({ instanceIdPrefix: 'page-' })).instances).toHaveLength(1);
});

test('passes values through JSON as they are', async () => {
  const { output } = await host.run('values', 'in');
  expect(output).toEqual(['text', '{"a":1}', 12, 1.5, true, null, { a: [1] }, [1, 'x'], '', 'nothing', 'in']);
});

test('shows the history with names, and payloads only when asked', async () => {
  const { instanceId } = await host.run('chain', 1);
  const plain = (await host.hub.status(instanceId, { history: true }))?.historyEvents;
  expect(plain).toEqual([
    expect.objectContaining({ EventType: 'ExecutionStarted', FunctionName: 'chain' }),
    expect.objectContaining({ EventType: 'TaskCompleted', FunctionName: 'echo' }),
    expect.objectContaining({ EventType: 'ExecutionCompleted', OrchestrationStatus: 'Completed' }),
  ]);
  expect(plain?.[1]).not.toHaveProperty('Result');
  const full = await host.hub.status(instanceId, { history: true, historyOutput: true });
  expect(full?.historyEvents?.[1]).toHaveProperty('Result', 1);
});

test('follows a 202 of callHttp until there is an answer', async () => {
  let polls = 0;
  const server = createServer((request, response) => {
    const pending = request.url === '/start' || ++polls < 2;
    if (pending) response.writeHead(202, { location: '/poll', 'retry-after': '0.02' }).end();
    else response.writeHead(200).end('finished');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/start`;
  try {
    const { output } = await host.run('callsHttp', { method: 'POST', url, body: { a: 1 } });
    expect(output).toEqual({ status: 200, content: 'finished' });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('takes the current time of an orchestration from its history and timers from the clock', async () => {
  const { output } = await host.run('sleeps', 150);
  const { before, after } = output as { before: number; after: number };
  expect(after - before).toBeGreaterThanOrEqual(150);
});

test('starts an instance at the time asked for', async () => {
  const startAt = Date.now() + 200;
  const { instanceId } = await host.hub.start({ name: 'sleeps', input: 1, startAt });
  expect((await host.hub.status(instanceId))?.runtimeStatus).toBe('Pending');
  expect(((await host.ended(instanceId)).output as { before: number }).before).toBeGreaterThanOrEqual(startAt);
});

test('gives settings to the app and resolves them in host.json', async () => {
  expect((await host.run('calls', { name: 'setting', input: 'SAMPLE_SETTING' })).output).toBe(
    'from local.settings.json',
  );
  expect(host.worker.hostJson.extensions).toMatchObject({ durableTask: { hubName: 'SampleHub' } });
});

test('delivers a scheduled signal at its time, also through another host', async () => {
  const dueAt = Date.now() + 300;
  await host.hub.signalEntity(counter('later'), 'add', 1, dueAt);
  await host.reopenHub();
  await host.hub.signalEntity(counter('now'), 'add', 1);
  await counted('now', 1);
  expect((await host.hub.readEntity(counter('later'))).exists).toBe(false);
  await counted('later', 1);
  expect(Date.now()).toBeGreaterThanOrEqual(dueAt);
});

test('has logged no fault of its own', () => {
  expect(host.lines.filter((line) => /Fault of the host|count tasks differently/.test(line.message))).toEqual([]);
});
