import type { CreateServiceOptions } from 'dockerode';
import type { EnginePort } from '../../shared/ports';
import { masterClaim, swarmEngineFixture, type SwarmEngineFixture } from './engine-swarm-fixture';

/** What the adapter does with work: draining, what waits, spreading anew; and with votes. */

let fixture: SwarmEngineFixture;
let engine: EnginePort;

beforeEach(async () => {
  fixture = await swarmEngineFixture();
  engine = fixture.engine;
});

afterEach(() => fixture.close());

interface Wish {
  replicas?: number;
  labels?: Record<string, string>;
  constraints?: string[];
  isGlobal?: boolean;
  update?: CreateServiceOptions['UpdateConfig'];
}

async function service(name: string, { replicas = 1, labels, constraints, isGlobal, update }: Wish = {}) {
  const spec: CreateServiceOptions = {
    Name: name,
    Labels: labels,
    TaskTemplate: {
      ContainerSpec: { Image: 'nginx:1.29' },
      ...(constraints && { Placement: { Constraints: constraints } }),
    },
    Mode: isGlobal ? { Global: {} } : { Replicated: { Replicas: replicas } },
    ...(update && { UpdateConfig: update }),
  };
  await fixture.docker.createService(spec);
  await fixture.advance(120);
}

interface Task {
  ServiceID: string;
  NodeID?: string;
  Status: { State: string };
  Spec: { ForceUpdate?: number };
}

/** Running tasks of a service on each node, by its name. */
async function spread(name: string): Promise<Record<string, number>> {
  const filters = JSON.stringify({ service: [name], 'desired-state': ['running'] });
  const tasks = ((await fixture.docker.listTasks({ filters })) as Task[]).filter(
    ({ Status }) => Status.State === 'running',
  );
  const names = new Map((await engine.listNodes()).map((node) => [node.uid, node.name]));
  const counts: Record<string, number> = {};
  for (const { NodeID = '' } of tasks) counts[names.get(NodeID)!] = (counts[names.get(NodeID)!] ?? 0) + 1;
  return counts;
}

async function settle(names: string[]): Promise<void> {
  for (let look = 0; look < 60 && (await engine.rollouts(names)).length > 0; look += 1) await fixture.advance(10);
  expect(await engine.rollouts(names)).toEqual([]);
}

describe('eviction', () => {
  it('drains the node, and tells how many tasks are there until none is', async () => {
    await fixture.agent('agents-1');
    await service('web', { replicas: 4 });
    await fixture.agent('agents-2');
    await engine.cordon('agents-1');
    expect(await spread('web')).toEqual({ 'agents-1': 4 }); // no new tasks, and those that run stay
    expect(await engine.evict('agents-1')).toEqual({ remaining: 4, blocked: [] });
    await fixture.advance(60);
    await engine.cordon('agents-1'); // as every pass begins
    expect(await engine.evict('agents-1')).toEqual({ remaining: 0, blocked: [] });
    expect(await spread('web')).toEqual({ 'agents-2': 4 });
    expect(await engine.getNode('agents-1')).toMatchObject({ schedulable: false, isHeld: true });
    await engine.uncordon('agents-1');
    expect(await engine.getNode('agents-1')).toMatchObject({ schedulable: true });
  });

  it('counts tasks that are stopping, and none of global services', async () => {
    await fixture.agent('agents-1');
    await service('everywhere', { isGlobal: true });
    expect(await spread('everywhere')).toEqual({ 'agents-1': 1 });
    expect(await engine.evict('agents-1')).toEqual({ remaining: 0, blocked: [] });
    await engine.uncordon('agents-1');
    await service('web', { replicas: 2 });
    await fixture.docker.getService('web').remove(); // its tasks stop, which takes time
    expect((await engine.evict('agents-1')).remaining).toBe(2);
    await fixture.advance(60);
    expect((await engine.evict('agents-1')).remaining).toBe(0);
  });

  it('names the services that run nowhere else, and why', async () => {
    await fixture.agent('agents-1', { labels: { disk: 'fast' } });
    await fixture.agent('agents-2');
    await service('database', { constraints: ['node.labels.disk==fast'] });
    await engine.evict('agents-1');
    await fixture.advance(60);
    const { remaining, blocked } = await engine.evict('agents-1');
    expect(remaining).toBe(0);
    expect(blocked).toEqual([expect.stringMatching(/^database: no suitable node \(/)]);
    await engine.uncordon('agents-1');
    await fixture.advance(60);
    expect(await engine.countPending()).toBe(0);
  });

  it('waits for nothing on a machine that is down, whose work others have', async () => {
    await fixture.agent('agents-1');
    await service('web', { replicas: 3 });
    await fixture.agent('agents-2');
    fixture.swarm.stopDaemon('machine-of-agents-1');
    await fixture.advance(120);
    expect(await engine.evict('agents-1')).toEqual({ remaining: 0, blocked: [] });
    expect(await spread('web')).toEqual({ 'agents-2': 3 });
  });

  it('finds nothing on a node that is not there', async () => {
    expect(await engine.evict('nobody')).toEqual({ remaining: 0, blocked: [] });
  });
});

describe('work that waits', () => {
  it('is counted, and not what waits for its own machine', async () => {
    await service('web', { replicas: 3 });
    await service('everywhere', { isGlobal: true });
    expect(await engine.countPending()).toBe(3);
    await fixture.agent('agents-1');
    await fixture.advance(60);
    expect(await engine.countPending()).toBe(0);
  });
});

describe('a vote', () => {
  const claim = async (index: number): Promise<string> => {
    const { nodeId } = fixture.swarm.info(`master${index}`);
    await engine.claimNode(masterClaim(fixture, nodeId, index));
    return nodeId;
  };

  it('is taken on request, while the others keep the quorum, and then the node may go', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    const id = await claim(2);
    expect(await engine.removeMember('master2-1a2b')).toBe('pending');
    await fixture.advance(30);
    for (let look = 0; look < 2; look += 1) expect(await engine.removeMember('master2-1a2b')).toBe('removed');
    expect(await engine.getNode('master2-1a2b')).toMatchObject({ isMaster: true, schedulable: false });
    await engine.uncordon('master2-1a2b');
    expect(await engine.getNode('master2-1a2b')).toMatchObject({ schedulable: false }); // it is no agent now
    expect(await engine.removeNode('master2-1a2b', id)).toBe(true);
    expect(await engine.listNodes()).toHaveLength(2);
    expect(await engine.removeMember('master2-1a2b')).toBe('absent');
  });

  it('of a machine that is gone is taken as well', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    const id = await claim(2);
    fixture.swarm.forget('master2');
    await fixture.advance(60);
    expect(await engine.removeMember('master2-1a2b')).toBe('pending');
    await fixture.advance(30);
    expect(await engine.removeMember('master2-1a2b')).toBe('removed');
    expect(await engine.removeNode('master2-1a2b', id)).toBe(true);
  });

  it('of a machine that never said which one it is can be taken by its id', async () => {
    for (const index of [1, 2]) await fixture.master(index);
    const { nodeId } = fixture.swarm.info('master2');
    const name = `unclaimed-${nodeId}`;
    expect(await engine.getNode(name)).toMatchObject({ name, uid: nodeId, isMaster: true, isUnclaimed: true });
    expect(await engine.removeMember(name)).toBe('pending');
    await fixture.advance(30);
    expect(await engine.removeMember(name)).toBe('removed');
    expect(await engine.removeNode(name, nodeId)).toBe(true);
    expect(await engine.getNode(name)).toBeUndefined();
  });

  it('stays when it is the last, or the others would be too few', async () => {
    await claim(0);
    await expect(engine.removeMember('master0-1a2b')).rejects.toMatchObject({
      code: 'QUORUM_AT_RISK',
      message: expect.stringMatching(/last manager/),
    });
    for (const index of [1, 2]) await fixture.master(index);
    await claim(1);
    fixture.swarm.stopDaemon('master2');
    await fixture.advance(60);
    await expect(engine.removeMember('master1-1a2b')).rejects.toMatchObject({
      code: 'QUORUM_AT_RISK',
      message: expect.stringMatching(/loss of quorum/),
    });
    expect(await engine.getNode('master1-1a2b')).toMatchObject({ isMaster: true, ready: true });
  });

  it('is nothing that an agent has', async () => {
    await fixture.agent('agents-1');
    expect(await engine.removeMember('agents-1')).toBe('absent');
    expect(await engine.removeMember('nobody')).toBe('absent');
  });
});

describe('rebalancing', () => {
  it('restarts what is uneven, one service after the other, until all are spread', async () => {
    await fixture.agent('agents-1');
    for (const name of ['web', 'api']) await service(name, { replicas: 6 });
    for (const name of ['agents-2', 'agents-3']) await fixture.agent(name);
    expect(await spread('web')).toEqual({ 'agents-1': 6 });
    const first = await engine.rebalance('run-1');
    expect(first).toEqual({ restarted: [expect.stringMatching(/^(web|api)$/)], goesOn: true });
    expect(await engine.rebalance('run-1')).toEqual(first); // the first is under way
    expect(await engine.rollouts(first.restarted)).toEqual(first.restarted);
    await settle(first.restarted);
    const second = await engine.rebalance('run-1');
    expect(new Set(second.restarted)).toEqual(new Set(['web', 'api']));
    expect(second.goesOn).toBe(false);
    await settle(second.restarted);
    for (const name of ['web', 'api'])
      expect(await spread(name)).toEqual({ 'agents-1': 2, 'agents-2': 2, 'agents-3': 2 });
    expect(await engine.rebalance('run-1')).toEqual({ ...second, goesOn: false });
    expect(await engine.rebalance('run-2')).toEqual({ restarted: [], goesOn: false });
  });

  it('spreads also what has its new tasks come first, and gives it that back', async () => {
    await fixture.agent('agents-1');
    const update = { Parallelism: 1, Order: 'start-first' } as const;
    await service('web', { replicas: 6, update });
    for (const name of ['agents-2', 'agents-3', 'agents-4', 'agents-5']) await fixture.agent(name);
    const first = await engine.rebalance('run-1');
    expect(first).toEqual({ restarted: ['web'], goesOn: true });
    expect(await engine.rebalance('run-1')).toEqual(first); // under way
    await settle(['web']);
    expect(await engine.rebalance('run-1')).toEqual({ restarted: ['web'], goesOn: false });
    expect(Object.values(await spread('web')).sort()).toEqual([1, 1, 1, 1, 2]);
    const { Spec } = await fixture.docker.getService('web').inspect();
    expect(Spec.UpdateConfig).toMatchObject(update);
    expect(Spec.Labels).toEqual(expect.not.objectContaining({ 'starling.update-order': expect.anything() }));
  });

  it('leaves out what an operator has labelled, what is single, global, even or bound to a node', async () => {
    await fixture.agent('agents-1', { labels: { disk: 'fast' } });
    await service('left-out', { replicas: 4, labels: { 'starling.rebalance': 'never' } });
    await service('single');
    await service('everywhere', { isGlobal: true });
    await service('bound', { replicas: 4, constraints: ['node.labels.disk == fast'] });
    await fixture.agent('agents-2');
    await service('even', { replicas: 2 });
    expect(await engine.rebalance('run-1')).toEqual({ restarted: [], goesOn: false });
  });

  it('does not count on nodes that take no work, and keeps the rest of the service', async () => {
    await fixture.agent('agents-1');
    const update = { Parallelism: 1, Delay: 1_000_000_000, Order: 'stop-first' } as const;
    await service('web', { replicas: 2, labels: { team: 'a' }, update });
    await fixture.agent('agents-2');
    await engine.cordon('agents-2');
    expect(await engine.rebalance('run-1')).toEqual({ restarted: [], goesOn: false });
    await engine.uncordon('agents-2');
    expect(await engine.rebalance('run-1')).toEqual({ restarted: ['web'], goesOn: false });
    const { Spec } = await fixture.docker.getService('web').inspect();
    expect(Spec).toMatchObject({
      Labels: { team: 'a', 'starling.rebalanced': 'run-1' },
      TaskTemplate: { ForceUpdate: 1, ContainerSpec: { Image: 'nginx:1.29' } },
      UpdateConfig: update,
    });
    await settle(['web']);
    expect(await spread('web')).toEqual({ 'agents-1': 1, 'agents-2': 1 });
  });

  it('restarts once although the answer was lost', async () => {
    await fixture.master(1);
    await fixture.agent('agents-1');
    await service('web', { replicas: 2 });
    await fixture.agent('agents-2');
    fixture.loseNextAnswer();
    expect(await fixture.engineOf(0, 1).rebalance('run-1')).toEqual({ restarted: ['web'], goesOn: false });
    expect((await fixture.docker.getService('web').inspect()).Spec.TaskTemplate.ForceUpdate).toBe(1);
  });

  it('follows nothing that is gone', async () => {
    expect(await engine.rollouts(['web'])).toEqual([]);
  });
});
