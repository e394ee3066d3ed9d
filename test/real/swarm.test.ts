import { ChaosList } from '../../shared/api';
import { startStarling, waitUntil, type Starling } from '../support/starling';
import { remainsOf } from '../support/cluster';
import { inNode, isRunning, keepImages, RealCluster, realNodes, type RealNode } from './support/real-nodes';
import { dockerVersion, prepareNodes, whyNot } from './support/real-machine';
import { Steps } from './support/steps';
import { traces, type Traces } from './support/leftovers';

/**
 * The life of a Docker Swarm on machines that are real but for their kernel: each has its own systemd, cloud-init with the very
 * customData that Starling made, and Docker. Azure and the app run eight times as fast as they do.
 */
const SCALE = '8';
const REPLICAS = 6;
const LIMIT_MS = 180_000;
const NOT_READY = 'node.notReady';

const reason = whyNot();
if (reason) process.stderr.write(`real nodes are skipped: ${reason}\n`); // Jest shows no console of what is skipped
const story = reason ? describe.skip : describe;

story('a Docker Swarm on real nodes', () => {
  const steps = new Steps('Docker Swarm on real nodes');
  const step = steps.step.bind(steps);
  let starling: Starling;
  let farm: RealCluster;
  let trio: RealCluster;
  let before: Traces;
  let endImages: () => Promise<void>;
  const spec = { engine: 'swarm', version: reason ? '' : dockerVersion(), storage: { shares: [] } };

  beforeAll(async () => {
    await prepareNodes();
    starling = await startStarling({ STARLING_TIME_SCALE: SCALE }, ['--real-nodes']);
    before = traces(starling.stateDir);
    [farm, trio] = [new RealCluster(starling, 'farm'), new RealCluster(starling, 'trio')];
    endImages = keepImages(starling, ['traefik/whoami:v1.11.0']);
  }, 600_000);
  afterAll(async () => {
    await endImages?.();
    await starling?.stop();
    steps.print();
  });

  const agentNamed = async (index: number) => (await farm.agents())[index]!;
  const allRun = (count = REPLICAS): Promise<void> =>
    waitUntil(`${count} tasks run`, async () => (await farm.running()) === count, LIMIT_MS);
  const settled = (agents: number): Promise<void> => farm.settles(agents, LIMIT_MS);

  /** Names of those that a run of chaos would strike. */
  const victims = async (count: number): Promise<string[]> => {
    const { body } = await starling.request('POST', `${farm.path}/chaos?whatIf=true`, { action: 'restart', count });
    return (body.would as string[]).slice(1);
  };

  step('deploy 1 manager and 3 workers', async () => {
    expect(await farm.deploy({ ...spec, agents: { count: 3, max: 10 } })).toMatchObject({
      state: 'succeeded',
      result: { agents: { wanted: 3, came: 3 } },
    });
    await settled(3);
    const [manager] = (await farm.dockerNodes()).filter(({ Spec }) => Spec.Role === 'manager');
    expect(manager).toMatchObject({ Spec: { Availability: 'drain' }, ManagerStatus: { Leader: true } });
  });

  const hasComeUp = async (node: RealNode): Promise<void> => {
    expect(await inNode(node, 'cloud-init', 'status', '--wait')).toMatchObject({ code: 0 });
    expect(await inNode(node, 'systemctl', 'is-system-running', '--wait')).toMatchObject({ stdout: 'running\n' });
    const units = await inNode(node, 'bash', '-c', 'systemd-analyze verify /etc/systemd/system/starling-*.service');
    expect(units).toMatchObject({ code: 0, stderr: '' });
  };

  step('every node has come up without an error', async () => {
    for (const node of await farm.machines()) await hasComeUp(node);
  });

  step('the scripts run twice harm nothing', async () => {
    const seen = await farm.dockerNodes();
    for (const node of await farm.machines())
      for (const script of ['install', 'block-imds', 'join', 'ready', 'leave'])
        expect(await inNode(node, `/usr/local/lib/starling/starling-${script}.sh`)).toMatchObject({ code: 0 });
    await settled(3);
    expect((await farm.dockerNodes()).map(({ ID }) => ID).sort()).toEqual(seen.map(({ ID }) => ID).sort());
  });

  step('run a replicated service', async () => {
    const web = await farm.carryOut('PUT', '/workloads/web', { kind: 'replicated', replicas: REPLICAS });
    expect(web).toMatchObject({ state: 'succeeded' });
    await allRun();
  });

  step('scale to 5 workers', async () => {
    expect(await farm.scale(5)).toMatchObject({ state: 'succeeded' });
    await settled(5);
    expect(await farm.running()).toBe(REPLICAS);
  });

  step('rebalance spreads the tasks over all', async () => {
    expect(await farm.carryOut('POST', '/rebalance')).toMatchObject({ state: 'succeeded' });
    await allRun();
    const workers = (await farm.engineNodes()).filter(({ name }) => name.startsWith('agents'));
    expect(workers.map(({ pods }) => pods.length).sort()).toEqual([1, 1, 1, 1, 2]);
  });

  step('scale to 2 with drain', async () => {
    const nodes = await farm.engineNodes();
    const watch = watchRunning(farm);
    expect(await farm.scale(2)).toMatchObject({ state: 'succeeded' });
    const fewest = await watch.end();
    await settled(2);
    await allRun();
    const stayed = new Set((await farm.agents()).map(({ name }) => name));
    const moved = nodes.filter(({ name }) => !stayed.has(name)).flatMap(({ pods }) => pods).length;
    expect(moved).toBeGreaterThan(0);
    expect(fewest).toBeGreaterThanOrEqual(REPLICAS - moved);
  });

  step('reimage one: one entry, no ghost', async () => {
    const agent = await agentNamed(0);
    expect(await farm.carryOut('POST', '/reimage', { nodes: [agent.name] })).toMatchObject({ state: 'succeeded' });
    await settled(2);
    const hostname = (await farm.machines()).find(({ vmId }) => vmId === agent.vmId)?.computerName;
    const entries = (await farm.dockerNodes()).filter(({ Description }) => Description.Hostname === hostname);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ Spec: { Labels: { 'starling.node': `${agent.name}-g2` } } });
  });

  step('reboot one: it rejoins by itself', async () => {
    const agent = await agentNamed(0);
    const old = (await farm.engineNodes()).find(({ name }) => name === agent.name)!;
    const machine = (await farm.machines()).find(({ vmId }) => vmId === agent.vmId)!;
    await inNode(machine, 'systemctl', 'reboot', '--no-block');
    await waitUntil(
      'the node is back',
      async () => {
        const now = (await farm.engineNodes()).find(({ name }) => name === agent.name);
        return now?.uid === old.uid && now.ready && now.bootId !== old.bootId;
      },
      LIMIT_MS,
    );
    await settled(2);
  });

  step('one crashes and is started again, one vanishes and is replaced', async () => {
    const [crashed, gone] = [await agentNamed(0), await agentNamed(1)];
    await farm.disturb(crashed.instanceId, 'crash');
    await farm.disturb(gone.instanceId, 'vanish');
    await farm.hasEvent(crashed.name, NOT_READY);
    await settled(2);
    const names = (await farm.agents()).map(({ name }) => name);
    expect(names).toContain(crashed.name);
    expect(names).not.toContain(gone.name);
    await allRun();
  });

  step('stop and start', async () => {
    expect(await farm.carryOut('POST', '/stop')).toMatchObject({ state: 'succeeded' });
    expect((await farm.machines()).map(({ power }) => power)).toEqual(['off', 'off', 'off']);
    expect(await farm.carryOut('POST', '/start')).toMatchObject({ state: 'succeeded' });
    await settled(2);
    await allRun();
  });

  step('3 managers', async () => {
    const operation = await trio.deploy({ ...spec, masters: { count: 3 }, agents: { count: 0 } });
    expect(operation).toMatchObject({ state: 'succeeded' });
    await trio.settles(0, LIMIT_MS);
  });

  step('one of them is lost: quorum kept, nothing removed', async () => {
    await starling.control('POST', '/_local/instances/trio/master1/hang');
    await waitUntil('the loss shows', async () => (await trio.get()).phase === 'degraded', LIMIT_MS);
    const managers = (await trio.dockerNodes()).map(({ ManagerStatus }) => ManagerStatus?.Reachability);
    expect(managers.sort()).toEqual(['reachable', 'reachable', 'unreachable']);
    expect((await trio.nodes()).map(({ instanceId }) => instanceId).sort()).toEqual(['master0', 'master1', 'master2']);
  });

  step('repair makes it anew', async () => {
    expect(await trio.carryOut('POST', '/repair', { node: 'master1' })).toMatchObject({ state: 'succeeded' });
    await trio.settles(0, LIMIT_MS);
    expect((await trio.dockerNodes()).map(({ ManagerStatus }) => ManagerStatus?.Reachability)).toEqual(
      Array(3).fill('reachable'),
    );
  });

  step('chaos on request, with measured times', async () => {
    // Nobody younger than ten minutes is struck.
    await waitUntil('somebody is old enough', async () => (await victims(1)).length === 1, LIMIT_MS);
    const { id, state } = await farm.carryOut('POST', '/chaos', { action: 'restart', count: 1, seed: 7 });
    expect(state).toBe('succeeded');
    const { runs } = ChaosList.parse((await starling.request('GET', `${farm.path}/chaos`)).body);
    const report = runs.find((run) => run.id === id)!;
    expect(report).toMatchObject({ verdict: 'passed', after: { holds: true } });
    const [victim] = report.victims;
    for (const time of [victim?.detectedMs, victim?.rejoinedMs, victim?.steadyMs]) expect(time).toBeGreaterThan(0);
    console.log(`chaos: ${JSON.stringify(victim)}, in Azure's time`);
    await settled(2);
  });

  step('so have all that came or went and came back since', async () => {
    for (const cluster of [farm, trio]) for (const node of await cluster.machines()) await hasComeUp(node);
  });

  step('destroy leaves nothing behind', async () => {
    const ended = await Promise.all([farm.destroy(), trio.destroy()]);
    expect(ended).toMatchObject([{ state: 'succeeded' }, { state: 'succeeded' }]);
    for (const { name } of [farm, trio]) expect(await remainsOf(starling, name)).toEqual([]);
    await waitUntil('no machine is left', async () => (await realNodes(starling)).length === 0);
    await endImages();
    // The group above those of the nodes stays until the local Azure itself ends.
    expect({ ...traces(starling.stateDir), groups: before.groups }).toEqual(before);
    await starling.stop();
    const after = traces(starling.stateDir);
    for (const of of Object.keys(after) as (keyof Traces)[])
      expect([of, after[of].filter((trace) => !before[of].includes(trace))]).toEqual([of, []]);
  });
});

/** The fewest tasks that ran at any look. */
function watchRunning(cluster: RealCluster): { end(): Promise<number> } {
  let isOver = false;
  let fewest = Infinity;
  const looking = (async () => {
    while (!isOver) fewest = Math.min(fewest, (await cluster.tasks()).filter(isRunning).length);
  })();
  return {
    async end() {
      isOver = true;
      await looking;
      return fewest;
    },
  };
}
