import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStarling, waitUntil, type Starling } from '../support/starling';
import { inNode, RealCluster, realNodes, type RealNode } from './support/real-nodes';
import { prepareNodes, whyNot } from './support/real-machine';
import { Steps } from './support/steps';
import type { EngineNode } from '../support/cluster';

/**
 * k3s on nodes that are real but for their kernel. Without STARLING_K3S_BINARY, a path or a URL, a stand-in takes the place of its
 * binary: it runs no pods and notes how it was called. Everything before it is as it will be.
 */
const GIVEN = process.env['STARLING_K3S_BINARY'];
const LIMIT_MS = 180_000;

const reason = whyNot();
if (reason) process.stderr.write(`real nodes are skipped: ${reason}\n`); // Jest shows no console of what is skipped
if (!reason && !GIVEN) console.log('the binary of k3s is a stand-in: STARLING_K3S_BINARY is not set');
const story = reason ? describe.skip : describe;
/** Looks at what only the stand-in keeps. */
const isStandIn = !GIVEN;

interface Call {
  argv: string[];
  at: number;
  config: Record<string, unknown>;
}

class K3sCluster extends RealCluster {
  /** As Starling itself sees them through the cluster's API. */
  override async engineNodes(): Promise<EngineNode[]> {
    const nodes = await this.nodes();
    return nodes.map(({ name, vmId, state }) => ({
      name,
      uid: vmId,
      ready: state === 'ready',
      unschedulable: false,
      bootId: '',
      version: '',
      pods: [],
    }));
  }
}

story('k3s on real nodes', () => {
  const steps = new Steps('k3s on real nodes');
  const step = steps.step.bind(steps);
  const folder = mkdtempSync(join(tmpdir(), 'starling-stand-in-'));
  let starling: Starling;
  let farm: K3sCluster;

  beforeAll(async () => {
    const standIn = join(folder, 'k3s');
    copyFileSync(join(__dirname, 'support/stand-in-k3s.py'), standIn);
    chmodSync(standIn, 0o755);
    await prepareNodes();
    const env = { STARLING_TIME_SCALE: '8', STARLING_K3S_BINARY: GIVEN ?? standIn };
    starling = await startStarling(env, ['--real-nodes']);
    farm = new K3sCluster(starling, 'kube');
  }, 600_000);
  afterAll(async () => {
    await starling?.stop();
    rmSync(folder, { recursive: true, force: true });
    steps.print();
  });

  const output = async (node: RealNode, ...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await inNode(node, ...command);
    if (code !== 0) throw new Error(`${node.name}: ${command.join(' ')}: ${stderr}`);
    return stdout;
  };
  const callsOf = async (node: RealNode): Promise<Call[]> =>
    (await output(node, 'cat', '/var/lib/stand-in/calls'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Call);
  const agents = async (): Promise<RealNode[]> => (await farm.machines()).filter(({ name }) => !/^master/.test(name));

  step('deploy 1 master and 2 agents', async () => {
    expect(await farm.deploy({ agents: { count: 2 }, storage: { shares: [] } })).toMatchObject({
      state: 'succeeded',
      result: { agents: { wanted: 2, came: 2 } },
    });
    await farm.settles(2, LIMIT_MS);
  });

  step('every node has come up without an error', async () => {
    for (const node of await farm.machines()) {
      expect(await inNode(node, 'cloud-init', 'status', '--wait')).toMatchObject({ code: 0 });
      expect(await inNode(node, 'systemctl', 'is-system-running', '--wait')).toMatchObject({ stdout: 'running\n' });
      const verify = 'systemd-analyze verify /etc/systemd/system/{starling-*,k3s*}.service';
      expect(await inNode(node, 'bash', '-c', verify)).toMatchObject({ code: 0, stderr: '' });
    }
  });

  if (isStandIn)
    step('k3s was started once, as the ticket says', async () => {
      const master = await farm.machine('master0');
      const [server, ...more] = await callsOf(master);
      expect(more).toEqual([]);
      expect(server).toMatchObject({
        argv: ['server'],
        config: {
          'cluster-init': 'true',
          'secrets-encryption': 'true',
          'write-kubeconfig-mode': '0600',
          'cluster-cidr': '10.128.0.0/13',
          'node-name': expect.stringMatching(/^master0-[0-9a-f]{8}$/),
          'tls-san': [expect.stringMatching(/^kube-\w+-master0\.westeurope\.cloudapp\.azure\.com$/)],
          tokens: ['agent-token', 'token'],
        },
      });
      for (const agent of await agents()) {
        const calls = await callsOf(agent);
        expect(calls).toMatchObject([
          {
            argv: ['agent'],
            config: {
              server: `https://${master.privateIp}:6443`,
              tokens: ['token'],
              'node-label': [expect.any(String)],
            },
          },
        ]);
      }
    });

  step(
    'units came in their order: metadata shut before the engine, the watcher and the farewell in place',
    async () => {
      for (const node of await farm.machines()) {
        const engine = node.name === 'master0' ? 'k3s' : 'k3s-agent';
        const began = async (unit: string): Promise<number> =>
          Number(
            await output(node, 'systemctl', 'show', unit, '--property', 'ExecMainStartTimestampMonotonic', '--value'),
          );
        const [shut, join, start] = [
          await began('starling-block-imds'),
          await began('starling-join'),
          await began(engine),
        ];
        expect(shut).toBeGreaterThan(0);
        expect(join).toBeGreaterThan(shut);
        expect(start).toBeGreaterThan(join);
        const active = ['starling-events', 'starling-leave', engine];
        expect(await output(node, 'systemctl', 'is-active', ...active)).toBe('active\n'.repeat(active.length));
      }
    },
  );

  step('the metadata service answers root and nobody else', async () => {
    const [agent] = await agents();
    const ask =
      "curl -sS -m 3 -o /dev/null -w '%{http_code}' -H Metadata:true 'http://169.254.169.254/metadata/instance?api-version=2021-02-01'";
    expect(await output(agent!, 'bash', '-c', ask)).toBe('200');
    const asNobody = await inNode(agent!, 'setpriv', '--reuid', '65534', '--clear-groups', 'bash', '-c', ask);
    expect(asNobody.code).not.toBe(0);
  });

  step('the scripts run twice harm nothing', async () => {
    for (const node of await farm.machines()) {
      const scripts = ['install', 'block-imds', 'join', 'leave', ...(node.name === 'master0' ? ['ready'] : [])];
      for (const script of scripts)
        expect(await inNode(node, `/usr/local/lib/starling/starling-${script}.sh`)).toMatchObject({ code: 0 });
      if (isStandIn) expect(await callsOf(node)).toHaveLength(1);
    }
    await farm.settles(2, LIMIT_MS);
  });

  step('a machine that is powered off says farewell while its network is up, and is started again', async () => {
    const [agent] = await agents();
    const { name } = (await farm.agents()).find(({ vmId }) => vmId === agent!.vmId)!;
    await inNode(agent!, 'systemctl', 'poweroff', '--no-block');
    await farm.hasEvent(name, 'node.goingDown');
  });

  step('restart: announced, approved, and back', async () => {
    await farm.settles(2, LIMIT_MS);
    const [, agent] = await farm.agents();
    const before = (await farm.machines()).find(({ vmId }) => vmId === agent!.vmId)!;
    expect(await farm.carryOut('POST', '/restart', { nodes: [agent!.name] })).toMatchObject({ state: 'succeeded' });
    const after = (await farm.machines()).find(({ vmId }) => vmId === agent!.vmId)!;
    expect(after.bootId).not.toBe(before.bootId);
    await farm.settles(2, LIMIT_MS);
  });

  step('reimage: an empty disk, a new name, one node', async () => {
    const [agent] = await farm.agents();
    expect(await farm.carryOut('POST', '/reimage', { nodes: [agent!.name] })).toMatchObject({ state: 'succeeded' });
    await farm.settles(2, LIMIT_MS);
    expect((await farm.agents()).map(({ name }) => name)).toContain(`${agent!.name}-g2`);
    const again = (await farm.machines()).find(({ vmId }) => vmId === agent!.vmId)!;
    if (isStandIn) expect(await callsOf(again)).toMatchObject([{ config: { 'node-name': `${agent!.name}-g2` } }]);
  });

  step('destroy', async () => {
    expect(await farm.destroy()).toMatchObject({ state: 'succeeded' });
    await waitUntil('no machine is left', async () => (await realNodes(starling)).length === 0);
  });
});
