import { isDeepStrictEqual } from 'node:util';
import { attested } from '../support/attested';
import { Cluster, type EngineNode } from '../support/cluster';
import { addressesOf, send } from '../support/http';
import { startStarling, waitUntil, type Json, type Starling } from '../support/starling';
import { succeeds } from '../support/verb-rows';

/** What only a swarm has: tokens that all nodes share, nodes that name themselves, memberships that end, work that stays where it is. */

let started: Starling;
/** Once the thief is at work: from then on boots go as they should. */
let starling: Starling;
let theft: { cluster: SwarmCluster; token: string };
beforeAll(async () => {
  started = await startStarling({ STARLING_TIME_SCALE: '40' });
  const cluster = new SwarmCluster(started, 'theft');
  await succeeds(cluster.deploy(SPEC));
  await started.control('POST', '/_local/boot-failures', { count: 1, kind: 'never-joins' });
  await cluster.begin('POST', '/scale', { agents: 3 });
  theft = { cluster, token: await cluster.stealToken() };
  starling = started;
}, 120_000);
afterAll(() => started?.stop());

const SPEC = { engine: 'swarm', agents: { count: 2, max: 40 } };

interface Tokens {
  /** Public parts. */
  worker: string;
  manager: string;
  labels: Record<string, string>;
}

class SwarmCluster extends Cluster {
  static async of(name: string): Promise<SwarmCluster> {
    await waitUntil('Starling is there', () => starling !== undefined); // concurrent tests begin before beforeAll has ended
    const cluster = new SwarmCluster(starling, name);
    await succeeds(cluster.deploy(SPEC));
    return cluster;
  }

  control = <T>(method: string, path: string, body?: object): Promise<T> =>
    this.starling.control<T>(method, `/_local/engine/${this.name}/${path}`, body);

  tokens = (): Promise<Tokens> => this.control('GET', 'tokens');

  /** Asks in the place of a new agent, which itself never does; returns the token of its ticket. */
  async stealToken(): Promise<string> {
    let token = '';
    await waitUntil('a new agent may join', async () => {
      const comer = (await this.agents()).find(({ state }) => state === 'booting');
      if (!comer) return false;
      const body = await attested(this.starling, this.name, comer.instanceId);
      token = (await this.starling.request('POST', `${this.path}/join`, body)).body.token ?? '';
      return token !== '';
    });
    return token;
  }

  /** What `docker swarm join` says on a machine that is none of the cluster's. */
  intrude = (token: string): Promise<{ ok: boolean; nodeId?: string; message?: string }> =>
    this.control('POST', 'intruders', { token });

  async nodeNamed(name: string): Promise<EngineNode | undefined> {
    return (await this.engineNodes()).find((node) => node.name === name);
  }
}

test.concurrent(
  'a stolen token lets in until that is seen, and who came by it is thrown out',
  async () => {
    await waitUntil('Starling is there', () => starling !== undefined);
    const { cluster, token } = theft;
    const { ok, nodeId } = await cluster.intrude(token);
    expect(ok).toBe(true);
    const intruder = async (): Promise<EngineNode | undefined> =>
      (await cluster.engineNodes()).find(({ uid }) => uid === nodeId);
    await cluster.hasEvent(`unclaimed-${nodeId}`, 'node.stray');
    expect(await intruder()).toBeUndefined();
    await cluster.settles(3); // the agent in whose place the thief has asked is another one now
    expect(await cluster.intrude(token)).toEqual({ ok: false, message: expect.stringContaining('join token') });
  },
  240_000,
);

test.concurrent(
  'a wave of agents is followed by one change of the tokens',
  async () => {
    const cluster = await SwarmCluster.of('wave');
    const seen = new Set<string>();
    const id = await cluster.begin('POST', '/scale', { agents: 32 });
    const before = (await cluster.tokens()).worker;
    await waitUntil('the wave is over', async () => {
      seen.add((await cluster.tokens()).worker);
      return (await starling.request('GET', `/api/operations/${id}`)).body.state !== 'running';
    });
    await cluster.settles(32);
    seen.add((await cluster.tokens()).worker);
    seen.delete(before);
    expect(seen.size).toBe(1);
  },
  240_000,
);

test.concurrent(
  'a rotation ends the tokens at once, and Starling goes on with new keys',
  async () => {
    const cluster = await SwarmCluster.of('rotate');
    const before = await cluster.tokens();
    await succeeds(cluster.carryOut('POST', '/tokens/rotate', {}));
    const after = await cluster.tokens();
    expect([after.worker, after.manager]).not.toEqual([before.worker, before.manager]);
    const reports = (await cluster.events()).filter(
      ({ type, message }) => type === 'engine.ready' && /:2376/.test(message),
    );
    expect(reports.length).toBeGreaterThan(1); // with keys made anew
    await succeeds(cluster.scale(3));
    await cluster.settles(3);
  },
  240_000,
);

test.concurrent(
  'an agent that was parked for longer than its certificate lives joins anew, once',
  async () => {
    const cluster = await SwarmCluster.of('sleeper');
    const [agent] = await cluster.agents();
    const { name } = agent!;
    const before = await cluster.nodeNamed(name);
    await succeeds(cluster.carryOut('POST', '/stop', { nodes: [name] }));
    await cluster.control('POST', `nodes/${name}/expire`, {});
    await succeeds(cluster.carryOut('POST', '/start', { nodes: [name] }));
    await cluster.settles(2);
    const after = await cluster.nodeNamed(name);
    expect(after).toMatchObject({ ready: true, availability: 'active' });
    expect(after!.uid).not.toBe(before!.uid);
  },
  240_000,
);

test.concurrent(
  'an agent that somebody has removed from the swarm is brought back',
  async () => {
    const cluster = await SwarmCluster.of('outcast');
    const [agent] = await cluster.agents();
    const { uid } = (await cluster.nodeNamed(agent!.name))!;
    const path = `/nodes/${uid}?force=true`;
    expect(await cluster.control('POST', 'docker', { method: 'DELETE', path })).toMatchObject({ status: 200 });
    await waitUntil('it is missed', async () => (await cluster.agents()).some(({ state }) => state === 'notReady'));
    await cluster.settles(2);
  },
  240_000,
);

test.concurrent(
  'work stays where it is when agents come, and is spread by a rebalance, but for what opts out',
  async () => {
    const cluster = await SwarmCluster.of('spread');
    await succeeds(cluster.carryOut('PUT', '/workloads/site', { kind: 'replicated', replicas: 8 }));
    const stays = {
      Name: 'stays',
      Labels: { 'starling.rebalance': 'never' },
      TaskTemplate: { ContainerSpec: { Image: 'example.org/app:1' } },
      Mode: { Replicated: { Replicas: 4 } },
    };
    const created = await cluster.control('POST', 'docker', { method: 'POST', path: '/services/create', body: stays });
    expect(created).toMatchObject({ status: 201 });
    const load = async (service: RegExp): Promise<number[]> =>
      (await cluster.engineNodes())
        .filter(({ role }) => role === 'worker')
        .map(({ pods }) => pods.filter((pod) => service.test(pod)).length)
        .sort();
    const becomes = (service: RegExp, what: string, is: (spread: number[]) => boolean): Promise<void> =>
      waitUntil(`${service} is ${what}`, async () => is(await load(service)));
    const onOld = (each: number) => (spread: number[]) => isDeepStrictEqual(spread.filter(Boolean), [each, each]);
    await becomes(/^stays/, 'on both agents', onOld(2));
    await succeeds(cluster.scale(4));
    await becomes(/^site/, 'where it was', onOld(4));
    const { state, result } = await cluster.carryOut('POST', '/rebalance', {});
    expect([state, result.restarted]).toEqual(['succeeded', [expect.stringContaining('site')]]);
    await becomes(/^site/, 'on all agents', (spread) => Math.min(...spread) > 0);
    await becomes(/^stays/, 'where it was', onOld(2));
  },
  240_000,
);

test.concurrent(
  'chaos strikes an agent, which recovers, and leaves alone what is labelled',
  async () => {
    const cluster = await SwarmCluster.of('chaos');
    const [spared, victim] = await cluster.agents();
    await cluster.control('POST', `nodes/${spared!.name}/labels`, { 'starling.chaos': 'never' });
    const plan = async (): Promise<string> =>
      JSON.stringify((await starling.request('POST', `${cluster.path}/chaos?whatIf=true`, { count: 1 })).body.would);
    await waitUntil('there is a victim for chaos', async () => (await plan()).includes(victim!.name));
    const run = await cluster.carryOut('POST', '/chaos', { action: 'restart', count: 1 });
    expect(run).toMatchObject({ state: 'succeeded', result: { verdict: 'passed' } });
    const { runs } = (await starling.request('GET', `${cluster.path}/chaos`)).body;
    expect(runs[0].victims.map(({ nodeName }: Json) => nodeName)).toEqual([victim!.name]);
    await cluster.settles(2);
  },
  240_000,
);

test.concurrent(
  'there is no kubeconfig, but a journal of Docker',
  async () => {
    const cluster = await SwarmCluster.of('plain');
    expect(await starling.request('GET', `${cluster.path}/kubeconfig`)).toMatchObject({
      status: 409,
      body: { code: 'UNSUPPORTED_ENGINE' },
    });
    const { key } = addressesOf(starling);
    const logs = await send(starling, 'GET', `${cluster.path}/logs?node=master0&lines=50`, { key });
    expect(logs.text).toContain('is a member of the swarm');
  },
  240_000,
);
