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
