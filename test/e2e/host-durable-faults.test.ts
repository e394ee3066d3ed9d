import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startHub } from '../../local/host/durable/hub';
import { PayloadTooLarge } from '../../local/host/contract';
import { eventually, realClock, startDurableHost, type DurableHost } from '../support/host-sample/durable-host';

const TIMEOUT = '0.8'; // Seconds of functionTimeout, resolved in the sample's host.json; long enough for every honest activity here.
let host: DurableHost;
beforeAll(async () => {
  host = await startDurableHost({ env: { FUNCTION_TIMEOUT_SECONDS: TIMEOUT } });
});
afterAll(() => host.stop());

/** How often the sample app's `count` was called with this key, in any process. */
const calls = (key: string): number => {
  const file = join(host.folder, key);
  return existsSync(file) ? readFileSync(file).length : 0;
};

describe('a worker that dies', () => {
  test('does an activity again after a process.exit that happens once', async () => {
    expect((await host.run('calls', { name: 'exitsOnce', input: 'once' })).output).toBe('survived');
    expect(calls('once')).toBe(2);
  });

  test('sets an activity aside that kills it each time, and neither its retries nor its neighbours are struck', async () => {
    const neighbours = Array.from({ length: 5 }, (_, i) =>
      host.run('calls', { name: 'counted', input: { key: `n${i}`, ms: 150 } }),
    );
    const { runtimeStatus, output } = await host.run('callsWithRetry', { name: 'exits', input: 'always' }, 'poisoned');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(
      /Activity function 'exits' was set aside as poison: it ended the worker process 3 times.*process\.exit/s,
    );
    expect(calls('always')).toBe(3);
    for (const each of await Promise.all(neighbours)) expect(each.runtimeStatus).toBe('Completed');
    expect(host.hub.poison()).toEqual([
      { instanceId: 'poisoned', functionName: 'exits', deaths: 3, reason: expect.stringContaining('process.exit') },
    ]);
  });

  test('knows which activity threw out of a callback', async () => {
    const patient = host.run('calls', { name: 'counted', input: { key: 'patient', ms: 100 } });
    const { output } = await host.run('calls', { name: 'throwsLater', input: 'later' });
    expect(output).toMatch(/set aside as poison.*thrown out of a callback/s);
    expect((await patient).runtimeStatus).toBe('Completed');
  });

  test('ends a busy loop at functionTimeout while the hub goes on answering', async () => {
    const spinning = host.run('calls', { name: 'spins', input: 'spin' });
    await eventually(() => calls('spin') === 1, 'the loop');
    const asked = performance.now();
    await host.hub.list({});
    expect(performance.now() - asked).toBeLessThan(500);
    expect((await spinning).output).toMatch(/set aside as poison.*functionTimeout \(0.8 s\)/s);
    expect((await host.run('calls', { name: 'square', input: 7 })).output).toBe(49);
  });

  test('fails an orchestrator that kills it', async () => {
    const { output } = await host.run('orchestratorExits');
    expect(output).toMatch(
      /Orchestrator function 'orchestratorExits' was set aside as poison: it ended the worker process 3 times/,
    );
  });

  test('answers the caller of an entity operation that kills it, and the entity lives on', async () => {
    const { output } = await host.run('callsEntity', { key: 'frail', operation: 'die' });
    expect(output).toMatch(/Entity function 'counter' was set aside as poison/);
    await host.hub.signalEntity({ name: 'Counter', key: 'frail' }, 'add', 2);
    await eventually(async () => (await host.hub.readEntity({ name: 'Counter', key: 'frail' })).state === 2, 'the sum');
  });

  test('forgets poison with the instance that is purged', async () => {
    expect(host.hub.poison().map((each) => each.functionName)).toContain('exits');
    await host.hub.purge({ instanceId: 'poisoned' });
    expect(host.hub.poison().map((each) => each.functionName)).not.toContain('exits');
  });
});

describe('an orchestrator that breaks the rules', () => {
  test('is failed when a replay takes another step, with the turn and both actions', async () => {
    const { runtimeStatus, output } = await host.run('changesOnReplay');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(
      /Non-deterministic orchestrator: action 1, issued in turn 1, was expected to be callActivity 'square' with 1 again, but the replay got callActivity 'echo' with 1/,
    );
  });

  test('is failed when a replay stops short of a step', async () => {
    expect((await host.run('stopsShortOnReplay')).output).toMatch(
      /callActivity 'square' with 1 again, but the replay got nothing more/,
    );
  });

  test('is failed also when the whole history comes from the state file', async () => {
    const { instanceId } = await host.hub.start({ name: 'changesAfterEvent', instanceId: 'reloaded' });
    await eventually(async () => (await host.hub.status(instanceId))?.customStatus === 'waiting', 'the first turns');
    await host.reopenHub();
    await host.hub.raiseEvent(instanceId, 'Go', 1);
    expect((await host.ended(instanceId)).output).toMatch(
      /action 1, issued in turn 1, .*'square' with 1 again.*'echo' with 1/,
    );
  });

  test('is failed for a task in a second Task.any, which Azure would start again', async () => {
    const { runtimeStatus, output } = await host.run('reusesTask');
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/createTimer for .* is part of a second Task\.any.*Functions host would start it again/s);
  });

  test('may change an object that it has passed as an input', async () => {
    expect((await host.run('mutatesInput')).output).toEqual({ step: 3 });
  });
});

describe('limits', () => {
  test('refuses payloads over the limit, and fails what produces one', async () => {
    await host.reopenHub({ payloadLimitBytes: 1000 });
    const large = 'x'.repeat(2000);
    await expect(host.hub.start({ name: 'noop', input: large })).rejects.toThrow(PayloadTooLarge);
    await expect(host.hub.signalEntity({ name: 'Counter', key: 'a' }, 'add', large)).rejects.toThrow(PayloadTooLarge);
    expect((await host.run('calls', { name: 'large', input: 2000 })).output).toMatch(
      /result of activity 'large' is too large: 2002 bytes/,
    );
  });

  test('refuses a second host on the state file, and names the file', async () => {
    const second = startHub({
      file: host.file,
      hubName: 'x',
      clock: realClock(),
      worker: host.worker,
      log: () => undefined,
    });
    await expect(second).rejects.toThrow(`The state file ${host.file} is in use by another host`);
  });
});

test('has logged no fault of its own', () => {
  expect(host.lines.filter((line) => /Fault of the host|count tasks differently/.test(line.message))).toEqual([]);
});
