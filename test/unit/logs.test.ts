import { getLogs } from '../../functions/logs';
import { respond, type Call } from '../../functions/respond';
import { ROUTES } from '../../shared/routes';
import { FakeOrchestrator, FakeWorld, QUIET_LOG } from '../support/fake-world';
import { nodeRecord } from '../support/records';

const MASTER = {
  ...nodeRecord('demo', 9),
  role: 'master' as const,
  instanceId: 'master0',
  nodeName: 'master0-0a1b2c3d',
};

function worldWithNodes(): FakeWorld {
  const world = new FakeWorld();
  world.addAgent({ ...nodeRecord('demo', 1), state: 'ready' });
  world.addAgent(MASTER);
  return world;
}

/** Every pause passes at once, in simulated time. */
const logs = (world: FakeWorld, query: Call['query']) =>
  getLogs(
    { world, orchestrator: new FakeOrchestrator(), log: QUIET_LOG, params: { c: 'demo' }, query, body: undefined },
    async (ms) => void (world.now += ms),
  );

describe('the logs of a node', () => {
  it.each([
    [
      'the engine of an agent by default',
      { node: '1' },
      'command 1 journalctl --no-pager -o short-iso -u k3s-agent -n 100',
    ],
    [
      'the engine of a master by default',
      { node: 'master0' },
      'command master0 journalctl --no-pager -o short-iso -u k3s -n 100',
    ],
    [
      'a unit and so many lines when they are named',
      { node: MASTER.nodeName, unit: 'starling-join', lines: 7 },
      'command master0 journalctl --no-pager -o short-iso -u starling-join -n 7',
    ],
  ])('are those of %s', async (_, query, command) => {
    const world = worldWithNodes();
    world.commandOutput = 'one line\n';
    expect(await logs(world, query)).toEqual({ status: 200, body: 'one line\n' });
    expect(world.calls).toContain(command);
  });

  it.each([
    ['1', 'k3s', 'k3s-agent'],
    ['1', 'docker', 'k3s-agent'],
    ['master0', 'docker', 'k3s'],
  ])('of %s are not those of %s, which runs elsewhere', async (node, unit, own) => {
    await expect(logs(worldWithNodes(), { node, unit })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining(`runs as ${own}, not as ${unit}`),
    });
  });

  it('are waited for, and no longer than 100 seconds', async () => {
    const world = worldWithNodes();
    const from = world.now;
    world.cloud.pollCommand = async () => ({ state: 'running', retryAfterMs: 15_000 });
    await expect(logs(world, { node: '1' })).rejects.toMatchObject({
      code: 'AZURE_UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    expect(world.now - from).toBeLessThanOrEqual(100_000);
    expect(world.now - from).toBeGreaterThan(80_000);
  });

  it('of a machine that is off are a conflict that says so, and no command is begun', async () => {
    const world = worldWithNodes();
    world.machines[0]!.power = 'deallocated';
    await expect(logs(world, { node: '1' })).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringMatching(/is deallocated/),
    });
    expect(world.calls).toEqual([]);
  });

  it('of a command that failed say why', async () => {
    const world = worldWithNodes();
    world.cloud.pollCommand = async () => ({ state: 'failed', code: 'COMMAND_FAILED', message: 'no agent' });
    await expect(logs(world, { node: '1' })).rejects.toMatchObject({ code: 'COMMAND_FAILED', message: 'no agent' });
  });

  it('of an unknown node are not found', async () => {
    await expect(logs(worldWithNodes(), { node: '8' })).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
  });
});

describe('an answer', () => {
  const tools = { world: worldWithNodes(), orchestrator: new FakeOrchestrator(), log: QUIET_LOG };
  const request = (query: string, text = '') => ({
    params: { c: 'demo' },
    query: new URLSearchParams(query),
    text: async () => text,
    correlationId: 'x',
  });

  it('that is text goes out as text', async () => {
    const answer = await respond(ROUTES.getLogs, request('node=1'), tools, async () => ({ status: 200, body: 'a\nb' }));
    expect(answer).toMatchObject({
      status: 200,
      body: 'a\nb',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    expect(answer).not.toHaveProperty('jsonBody');
  });

  it.each(['node=1&unit=sshd', 'node=1&unit=k3s;reboot', 'node=1&lines=1001', 'unit=k3s', 'node=$(reboot)x'.repeat(9)])(
    'to ?%s is a refusal, in JSON',
    async (query) => {
      const run = jest.fn();
      const answer = await respond(ROUTES.getLogs, request(query), tools, run);
      expect(answer).toMatchObject({ status: 400, jsonBody: { code: 'INVALID_REQUEST' } });
      expect(run).not.toHaveBeenCalled();
    },
  );

  it('to no body is one to an empty object where every field is optional', async () => {
    const bodies: unknown[] = [];
    const run = async ({ body }: Call) => ({ status: 200, body: bodies.push(body) });
    await respond(ROUTES.stop, request(''), tools, run);
    await respond(ROUTES.rebalance, request(''), tools, run);
    expect(bodies).toEqual([{ deallocate: true }, {}]);
    expect(await respond(ROUTES.upgrade, request(''), tools, run)).toMatchObject({
      jsonBody: { code: 'BODY_NOT_JSON' },
    });
  });
});
