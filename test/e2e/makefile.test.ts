import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, startProcess, type Ended, type Running } from '../support/cli';
import { startStarling, waitUntil, type Json, type Starling } from '../support/starling';

const root = join(__dirname, '../..');
const makefile = join(root, 'Makefile');
const hasMake = spawnSync('make', ['--version']).status === 0;
if (!hasMake) process.stderr.write('make was not found: the targets of the Makefile are not tested\n');

/** What becomes of the cluster: looked at after a target. */
interface Seen {
  /** undefined when there is none. */
  cluster?: Json;
  agents: string[];
  workloads: Record<string, number>;
  groups: string[];
  stdout: string;
}

/** In this order, on one cluster. What is expected is the state that results. */
const COURSE: [line: string, expected: (seen: Seen) => void][] = [
  ['help', ({ stdout }) => expect(stdout).toContain('destroy-cluster')],
  ['keys', () => expect(existsSync(join(folder, 'keys/cluster.pem'))).toBe(true)],
  ['deploy-storage', ({ groups, agents }) => expect([groups, agents]).toEqual([['demo-compute', 'demo-storage'], []])],
  ['create-shares', ({ cluster }) => expect(cluster.phase).toBe('stored')],
  ['params AGENT_COUNT=2 SSH_FROM=203.0.113.7/32', () => expect(spec()).toMatch(/count: 2$/m)],
  [
    'deploy-compute',
    ({ agents, cluster }) => expect([agents, cluster.spec.ssh?.port]).toEqual([['ready', 'ready'], 22]),
  ],
  ['deploy-cluster', ({ stdout }) => expect(stdout).toContain('nothing to do')],
  ['view-deployment', ({ stdout }) => expect(stdout).toMatch(/master0 +succeeded/)],
  ['watch-deployment', ({ stdout }) => expect(stdout).toMatch(/phase +ready/)],
  ['resources', ({ stdout }) => expect(stdout).toMatch(/^demo +ready/m)],
  ['list-agents', ({ stdout }) => expect(stdout.match(/^agents-\S+ +agent +ready/gm)).toHaveLength(2)],
  ['show-agents', ({ stdout }) => expect(JSON.parse(stdout)).toMatchObject({ name: 'demo', agents: { ready: 2 } })],
  ['list-endpoints', ({ stdout }) => expect(stdout).toMatch(/^master0 +demo-\S+\.cloudapp\.azure\.com/m)],
  ['endpoints', ({ stdout }) => expect(stdout).toMatch(/^master0 /m)],
  ['list-locations', ({ stdout }) => expect(stdout).toContain('westeurope')],
  ['locations', ({ stdout }) => expect(stdout).toContain('westeurope')],
  ['list-sizes', ({ stdout }) => expect(stdout).toContain('Standard_B2s')],
  ['sizes LOCATION=northeurope', ({ stdout }) => expect(stdout).toContain('Standard_B2s')],
  ['list-images', ({ stdout }) => expect(stdout).toContain('ubuntu')],
  ['proxy PROXY_FLAGS=--print', ({ stdout }) => expect(stdout).toMatch(/^ssh .*-L 127\.0\.0\.1:5000:localhost:5000/)],
  ['deploy-monitor', ({ workloads }) => expect(Object.keys(workloads)).toEqual(['monitor'])],
  ['kill-monitor', ({ workloads }) => expect(workloads).toEqual({})],
  ['deploy-monitor', ({ workloads }) => expect(Object.keys(workloads)).toEqual(['monitor'])],
  ['destroy-monitor', ({ workloads }) => expect(workloads).toEqual({})],
  ['deploy-replicated-service', ({ workloads }) => expect(workloads).toEqual({ replicated: 8 })],
  ['scale-service-4', ({ workloads }) => expect(workloads).toEqual({ replicated: 4 })],
  ['update-service REPLICAS=3', ({ workloads }) => expect(workloads).toEqual({ replicated: 3 })],
  ['destroy-replicated-service', ({ workloads }) => expect(workloads).toEqual({})],
  ['deploy-global-service', ({ workloads }) => expect(Object.keys(workloads)).toEqual(['global'])],
  ['destroy-global-service', ({ workloads }) => expect(workloads).toEqual({})],
  ['deploy-replicated-service REPLICAS=2', ({ workloads }) => expect(workloads).toEqual({ replicated: 2 })],
  ['destroy-service', ({ workloads }) => expect(workloads).toEqual({})],
  ['deploy-stack', ({ workloads }) => expect(Object.keys(workloads)).toEqual(['stack'])],
  ['destroy-stack', ({ workloads }) => expect(workloads).toEqual({})],
  ['scale-agents-3', ({ agents }) => expect(agents).toEqual(['ready', 'ready', 'ready'])],
  ['scale-agents-1', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['resize-agents-up', ({ cluster }) => expect(cluster.spec.agents.size).toBe('Standard_D2s_v5')],
  ['resize-agents-down', ({ cluster }) => expect(cluster.spec.agents.size).toBe('Standard_B2s')],
  ['resize-agents-up RESIZE_TO=Standard_B2ms', ({ cluster }) => expect(cluster.spec.agents.size).toBe('Standard_B2ms')],
  ['reimage-agents-serial', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['reimage-agents-parallel', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['chaos-monkey', ({ stdout }) => expect(stdout).toMatch(/verdict +(passed|skipped)/)], // skipped: it may be too young
  ['stop-agents', ({ agents }) => expect(agents).toEqual(['parked'])],
  ['start-agents', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['destroy-compute', ({ groups, cluster }) => expect([groups, cluster]).toEqual([['demo-storage'], undefined])],
  ['deploy-compute AGENT_COUNT=1', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['redeploy AGENT_COUNT=1', ({ agents }) => expect(agents).toEqual(['ready'])],
  ['destroy-compute', ({ groups }) => expect(groups).toEqual(['demo-storage'])],
  ['destroy-storage', ({ groups }) => expect(groups).toEqual([])],
  ['clean', () => expect(existsSync(join(folder, 'parameters/demo.yaml'))).toBe(false)],
  [
    'deploy-cluster AGENT_COUNT=1 MASTER_SIZE=Standard_B2ms ENGINE=swarm ENGINE_VERSION=29.7.1',
    ({ cluster: { spec } }) =>
      expect([spec.engine, spec.version, spec.masters.size]).toEqual(['swarm', '29.7.1', 'Standard_B2ms']),
  ],
  ['destroy-cluster', ({ groups, cluster }) => expect([groups, cluster]).toEqual([[], undefined])],
];
/** Runs until Ctrl-C, so it has a test of its own. */
const ENDLESS = ['tail-helper'];

const folder = mkdtempSync(join(tmpdir(), 'starling-make-'));
const spec = (): string => readFileSync(join(folder, 'parameters/demo.yaml'), 'utf8');
let starling: Starling;

(hasMake ? describe : describe.skip)('the Makefile (needs make)', () => {
  beforeAll(async () => {
    starling = await startStarling();
  });
  afterAll(async () => {
    await starling.stop();
    rmSync(folder, { recursive: true });
  });

  it('has each of its targets tried here', () => {
    const targets = [...readFileSync(makefile, 'utf8').matchAll(/^([a-z%-]+):.*## /gm)].map(([, target]) => target!);
    const tried = [...COURSE.map(([line]) => line.split(' ')[0]!), ...ENDLESS];
    const isTried = (target: string): boolean => tried.some((one) => matches(target, one));
    expect(targets.filter((target) => !isTried(target))).toEqual([]);
  });

  it.each(COURSE)('make %s', async (line, expected) => {
    const ended = await make(line).ended;
    expect({ code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({ code: 0, stderr: '' });
    expected(await look(ended));
    if (line === 'start-agents') await tails();
  });

  it('calls the command line of the clone by itself, and ends as it ends', async () => {
    const inClone = startProcess(['make', '-s', 'list-agents', 'CLUSTER=nowhere'], starling, { cwd: root });
    const { stderr } = await inClone.ended;
    expect(stderr).toContain('CLUSTER_NOT_FOUND');
    expect(stderr).toContain('Error 3');
  });

  it('deletes nothing without a terminal and without YES=1', async () => {
    const { code, stderr } = await startProcess(['make', '-s', 'destroy-cluster', 'CLUSTER=nowhere'], starling, {
      cwd: root,
    }).ended;
    expect(code).not.toBe(0);
    expect(stderr).toContain('CLUSTER_NOT_FOUND');
  });
});

const matches = (target: string, name: string): boolean =>
  target.endsWith('%') ? name.startsWith(target.slice(0, -1)) : target === name;

function make(line: string): Running {
  const program = `STARLING='${process.execPath}' '${CLI}'`;
  return startProcess(['make', '-s', '-f', makefile, 'YES=1', program, ...line.split(' ')], starling, {
    cwd: folder,
    isGroup: true,
  });
}

/** `tail-helper` goes on until Ctrl-C. */
async function tails(): Promise<void> {
  const tail = make('tail-helper');
  await waitUntil('the journal is shown', () => tail.output.stdout.includes('k3s'));
  tail.signal('SIGINT');
  expect((await tail.ended).code).not.toBe(0);
}

async function look({ stdout }: Ended): Promise<Seen> {
  const { status, body: cluster } = await starling.request<Json>('GET', '/api/clusters/demo');
  const { resourceGroups } = await starling.control<Json>('GET', '/_local/state');
  const groups = resourceGroups.map(({ id }: Json) => id.split('/').at(-1)).sort();
  if (status === 404) return { agents: [], workloads: {}, groups, stdout };
  const { body: listed } = await starling.request<Json>('GET', '/api/clusters/demo/nodes');
  const agents = listed.nodes.filter(({ role }: Json) => role === 'agent').map(({ state }: Json) => state);
  const hasEngine = cluster.phase === 'ready';
  const { body } = hasEngine
    ? await starling.request<Json>('GET', '/api/clusters/demo/workloads')
    : { body: { workloads: [] } };
  const workloads = Object.fromEntries(body.workloads.map(({ name, ready }: Json) => [name, ready]));
  return { cluster, agents, workloads, groups, stdout };
}
