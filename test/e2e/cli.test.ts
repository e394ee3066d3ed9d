import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasTerminal, runCli, startCli, startOnTerminal, startProcess, visible, type Ended } from '../support/cli';
import { addressesOf } from '../support/http';
import { OpenApi } from '../support/openapi';
import { startStarling, waitUntil, type Json, type Starling } from '../support/starling';

let starling: Starling;
let api: OpenApi;
const folder = mkdtempSync(join(tmpdir(), 'starling-cli-'));
const said: string[] = [];

beforeAll(async () => {
  starling = await startStarling();
  api = new OpenApi((await starling.request<Json>('GET', '/api/openapi.json')).body);
});
afterAll(async () => {
  await starling.stop();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<Ended> {
  const ended = await runCli(starling, args, { cwd: folder });
  said.push(ended.stdout, ended.stderr);
  return ended;
}

/** What is wrong with stdout as the answer of that route. */
function faultsOf({ stdout }: Ended, route: string, status = 200): string[] {
  const answer = { status, headers: new Headers({ location: 'x' }), contentType: 'application/json', text: stdout };
  return api.faultsOf(route, { ...answer, body: JSON.parse(stdout) as Json });
}

const done = (ended: Ended): Ended => {
  expect({ code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({ code: 0, stderr: '' });
  return ended;
};

describe('before there is a cluster', () => {
  it('says so, and how to make one', async () => {
    const { code, stdout, stderr } = await run('status');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('starling up');
    expect(faultsOf(await run('status', '--json'), 'GET /api/clusters')).toEqual([]);
  });

  it('finds none for a verb, which ends with 3', async () => {
    expect(await run('nodes')).toMatchObject({ code: 3, stdout: '' });
  });

  it('says what a deploy would do, and does nothing', async () => {
    const { stdout } = done(await run('up', '-c', 'demo', '--what-if'));
    expect(stdout).toContain('deploy would');
    expect((await run('status', '-c', 'demo')).code).toBe(3);
  });

  it('deploys what a file says, with progress on stderr and nothing but the operation on stdout', async () => {
    done(await run('params', '--agents', '2', '--out', 'cluster.yaml'));
    const ended = done(await run('up', 'cluster.yaml', '-c', 'demo', '--json'));
    expect(faultsOf(ended, 'PUT /api/clusters/{c}', 202)).toEqual([]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ verb: 'deploy', state: 'succeeded', cluster: 'demo' });
    expect(ended.stderr).toMatch(/^deploy \d+\/\d+ \w+ · ./m);
  });
});

describe('with a cluster', () => {
  it('has nothing to do when the same is asked for again', async () => {
    expect(done(await run('up', 'cluster.yaml')).stdout).toContain('nothing to do');
    const again = done(await run('up', 'cluster.yaml', '--json'));
    expect(faultsOf(again, 'PUT /api/clusters/{c}')).toEqual([]);
  });

  it.each([
    ['status', 'GET /api/clusters'],
    ['status -c demo', 'GET /api/clusters/{c}'],
    ['nodes', 'GET /api/clusters/{c}/nodes'],
    ['endpoints', 'GET /api/clusters/{c}/endpoints'],
    ['events --limit 5', 'GET /api/clusters/{c}/events'],
    ['template', 'GET /api/clusters/{c}/template'],
    ['deployment', 'GET /api/clusters/{c}/deployment'],
    ['operations', 'GET /api/clusters/{c}/operations'],
    ['chaos list', 'GET /api/clusters/{c}/chaos'],
    ['workload list', 'GET /api/clusters/{c}/workloads'],
    ['locations', 'GET /api/locations'],
    ['sizes', 'GET /api/locations/{location}/sizes'],
    ['images', 'GET /api/locations/{location}/images'],
    ['halt', 'GET /api/halt'],
  ])('prints for %s --json exactly what the API answers', async (command, route) => {
    expect(faultsOf(done(await run(...command.split(' '), '--json')), route)).toEqual([]);
  });

  it.each([
    ['up --agents 3', 'PUT /api/clusters/{c}'],
    ['down', 'DELETE /api/clusters/{c}'],
    ['scale 3', 'POST /api/clusters/{c}/scale'],
    ['scale 1 --park', 'POST /api/clusters/{c}/scale'],
    ['start', 'POST /api/clusters/{c}/start'],
    ['stop', 'POST /api/clusters/{c}/stop'],
    ['stop --agents', 'POST /api/clusters/{c}/stop'],
    ['restart', 'POST /api/clusters/{c}/restart'],
    ['reimage', 'POST /api/clusters/{c}/reimage'],
    ['resize up', 'POST /api/clusters/{c}/resize'],
    ['upgrade v1.36.3+k3s1', 'POST /api/clusters/{c}/upgrade'],
    ['rebalance', 'POST /api/clusters/{c}/rebalance'],
    ['rotate', 'POST /api/clusters/{c}/tokens/rotate'],
    ['chaos run', 'POST /api/clusters/{c}/chaos'],
    ['workload apply replicated --replicas 2', 'PUT /api/clusters/{c}/workloads/{name}'],
    ['halt on', 'PUT /api/halt'],
  ])('previews %s', async (command, route) => {
    const ended = done(await run(...command.split(' '), '--what-if', '--json'));
    expect(faultsOf(ended, route)).toEqual([]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ whatIf: true, would: expect.any(Array) });
    expect(done(await run(...command.split(' '), '--what-if')).stdout).toMatch(/would|nothing/);
  });

  it('shows the latest events, and says so when a time is none', async () => {
    const all = done(await run('events', '-c', 'demo'))
      .stdout.trim()
      .split('\n');
    expect(
      done(await run('events', '-c', 'demo', '--last', '2'))
        .stdout.trim()
        .split('\n'),
    ).toEqual(all.slice(-2));
    expect((await run('events', '-c', 'demo', '--since', 'yesterday')).code).toBe(2);
  });

  it('says in the status that automation is halted', async () => {
    done(await run('halt', 'on', '--reason', 'spring cleaning'));
    expect(done(await run('status')).stderr).toContain('spring cleaning; starling halt off');
    done(await run('halt', 'off'));
    expect(done(await run('status')).stderr).toBe('');
  });

  it('names the cluster that it took when none was named', async () => {
    expect((await run('nodes')).stderr).toBe('cluster demo\n');
    expect((await run('nodes', '-c', 'demo')).stderr).toBe('');
  });

  it('takes less than 300 ms of a processor more than Node itself, also with the look whether it has to be built', async () => {
    const [preload, used] = [join(folder, 'used.cjs'), join(folder, 'used')];
    const tell = `require('fs').writeFileSync(${JSON.stringify(used)}, JSON.stringify(process.cpuUsage()))`;
    writeFileSync(preload, `process.on('exit', () => ${tell});`);
    const processorMs = async (...args: string[]): Promise<number> => {
      done(await startProcess([process.execPath, '-r', preload, ...args], starling, { cwd: process.cwd() }).ended);
      const { user, system } = JSON.parse(readFileSync(used, 'utf8')) as NodeJS.CpuUsage;
      return (user + system) / 1000;
    };
    const extras: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const node = await processorMs('-e', '0');
      extras.push((await processorMs('bin/starling.mjs', '--help')) - node);
    }
    expect(Math.min(...extras)).toBeLessThan(300);
  });
});

describe('asking before something is deleted', () => {
  it.each(['scale 1', 'reimage', 'down', 'chaos run --action delete', 'up --agents 1'])(
    'refuses %s where there is nobody to ask',
    async (command) => {
      const { code, stdout, stderr } = await run(...command.split(' '));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^next: .*--yes/m);
      expect((await starling.request('GET', '/api/clusters/demo')).body).toMatchObject({ operation: null });
    },
  );

  (hasTerminal ? it : it.skip)('goes on with down only when the name is typed (needs script)', async () => {
    const asked = startOnTerminal(starling, ['down', '-c', 'demo'], { cwd: folder });
    await waitUntil('it asks', () => asked.output.stdout.includes('Type demo'));
    expect(asked.output.stdout).toContain('demo-compute');
    asked.write('y\n');
    expect(await asked.ended).toMatchObject({ code: 2 });
    expect((await starling.request('GET', '/api/clusters/demo')).body).toMatchObject({ phase: 'ready' });
  });

  (hasTerminal ? it : it.skip)('takes everything but y for no, and goes on with y (needs script)', async () => {
    const asked = startOnTerminal(starling, ['scale', '1', '-c', 'demo'], { cwd: folder });
    await waitUntil('it asks', () => asked.output.stdout.includes('[y/N]'));
    asked.write('\n');
    expect(await asked.ended).toMatchObject({ code: 2 });
    const again = startOnTerminal(starling, ['scale', '1', '-c', 'demo'], { cwd: folder });
    await waitUntil('it asks', () => again.output.stdout.includes('[y/N]'));
    again.write('y\n');
    expect(await again.ended).toMatchObject({ code: 0 });
    expect(again.output.stdout).toContain('scale of demo succeeded');
  });
});

describe('waiting', () => {
  it('prints the operation at once with --no-wait; meanwhile another one is refused with 4', async () => {
    const begun = done(await run('scale', '3', '--no-wait', '--json'));
    expect(faultsOf(begun, 'POST /api/clusters/{c}/scale', 202)).toEqual([]);
    const { id } = JSON.parse(begun.stdout) as { id: string };
    const refused = await run('scale', '2', '--yes', '--json');
    expect(refused).toMatchObject({ code: 4 });
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'OPERATION_IN_PROGRESS', status: 409 });
    expect(refused.stderr).toContain(`starling operations wait ${id}`);
    expect(done(await run('operations', 'wait', id)).stdout).toContain('scale of demo succeeded');
    expect(faultsOf(done(await run('operations', 'show', id, '--json')), 'GET /api/operations/{id}')).toEqual([]);
    expect(done(await run('operations', 'cancel', id)).stdout).toContain('succeeded already');
  });

  it('leaves the operation running at Ctrl-C, and says how to go on', async () => {
    const waiting = startCli(starling, ['restart', '-c', 'demo'], { cwd: folder });
    await waitUntil('it waits', () => /^restart /m.test(waiting.output.stderr));
    waiting.signal('SIGINT');
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(130);
    const [, id = ''] = /starling operations wait (\S+), or starling operations cancel/.exec(stderr) ?? [];
    expect((await starling.waitForOperation(id)).state).toBe('succeeded');
  });

  it('ends with 1 when the operation is cancelled', async () => {
    const waiting = startCli(starling, ['restart', '-c', 'demo'], { cwd: folder });
    await waitUntil('it waits', () => /^restart /m.test(waiting.output.stderr));
    const { body } = await starling.request<Json>('GET', '/api/clusters/demo');
    done(await run('operations', 'cancel', body.operation));
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^CANCELLED: restart cancelled/m);
  });

  it('watches until nothing runs any more', async () => {
    done(await run('restart', '--no-wait'));
    const { stdout } = done(await run('watch', '--until-done'));
    expect(stdout).toMatch(/operation +demo\.restart\./);
    expect(stdout).toContain('master0');
  });
});

describe('wrong use', () => {
  it.each([
    [2, 'frobnicate'],
    [2, 'scale'],
    [2, 'scale many'],
    [2, 'scale 3 --frobnicate'],
    [2, 'reimage --order sideways'],
    [2, 'up missing.yaml'],
    [2, 'up --agents 99'],
    [2, 'resize Enormous'],
    [2, 'chaos run --count 1 --fraction 0.5'],
    [2, 'ssh'],
    [2, 'proxy'],
    [2, 'nodes -c Not_A_Name'],
    [3, 'nodes -c nowhere'],
    [3, 'operations show nothing'],
    [3, 'restart no-such-node'],
    [3, 'workload remove nothing --yes'],
  ])('ends with %i for: %s', async (code, command) => {
    const ended = await run(...command.split(' '));
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).not.toContain('BUG');
  });

  it('says code, what happened and what to do next, each on a line', async () => {
    const { stderr } = await run('status', '-c', 'nowhere');
    expect(stderr).toMatch(/^CLUSTER_NOT_FOUND: [^\n]+\nnext: [^\n]+\n$/);
  });

  it('never takes a word that it does not know for the other one', async () => {
    const { code, stderr } = await run('halt', 'yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^USAGE: .*on, off\.\nnext: starling halt --help/);
  });

  it('speaks of commands where the API speaks of routes', async () => {
    const { stderr } = await run('restart', 'agents-99', '-c', 'demo');
    expect(stderr).toContain('starling nodes -c demo lists those that are');
    expect(stderr).not.toContain('/api/');
  });

  it('suggests what was meant', async () => {
    expect((await run('statsu')).stderr).toContain('status');
  });

  it('ends with 5 for a wrong key, and 6 when nobody answers', async () => {
    const { appUrl } = addressesOf(starling);
    const remote = { STARLING_URL: appUrl, STARLING_KEY: 'wrong-key' };
    const refused = await runCli(undefined, ['status'], { env: remote, cwd: folder });
    expect(refused).toMatchObject({ code: 5, stdout: '' });
    expect(refused.stderr).not.toContain('wrong-key');
    const away = { ...remote, STARLING_URL: 'http://127.0.0.1:9' };
    expect(await runCli(undefined, ['status'], { env: away, cwd: folder })).toMatchObject({ code: 6, stdout: '' });
  });

  it('ends with 6 where there is no Starling at all', async () => {
    const env = { STARLING_STATE_DIR: folder };
    expect(await runCli(undefined, ['status'], { env, cwd: folder })).toMatchObject({ code: 6 });
  });
});

describe('on a terminal of 80 columns', () => {
  const READS = [
    'status',
    'status -c demo',
    'nodes',
    'endpoints',
    'deployment',
    'operations',
    'chaos list',
    'sizes',
    'images',
    'locations',
    '--help',
    'scale --help',
    'up --help',
  ];

  (hasTerminal ? it : it.skip).each(READS)('fits: %s (needs script)', async (command) => {
    const { code, stdout } = await startOnTerminal(starling, command.split(' '), { cwd: folder }).ended;
    expect(code).toBe(0);
    expect(visible(stdout).filter((line) => line.length > 80)).toEqual([]);
  });

  (hasTerminal ? it : it.skip)('draws one bar, which fits, and no colour with NO_COLOR (needs script)', async () => {
    const { code, stdout } = await startOnTerminal(starling, ['restart', '-c', 'demo'], { cwd: folder }).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('█');
    expect(visible(stdout).filter((line) => line.length > 80)).toEqual([]);
    const plain = await startOnTerminal(starling, ['nodes'], { cwd: folder, env: { NO_COLOR: '1' } }).ended;
    expect(plain.stdout).not.toContain('\u001b[3');
  });
});

describe('files', () => {
  it('of a key pair are the owner’s alone, and never overwritten', async () => {
    done(await run('keys'));
    expect(statSync(join(folder, 'keys/cluster.pem')).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(folder, 'keys/cluster.pem'), 'utf8');
    expect(await run('keys')).toMatchObject({ code: 2, stdout: '' });
    expect(readFileSync(join(folder, 'keys/cluster.pem'), 'utf8')).toBe(before);
    expect(await run('params', '--out', 'cluster.yaml')).toMatchObject({ code: 2 });
  });

  it('with access to the engine are the owner’s alone, also when they were there before', async () => {
    writeFileSync(join(folder, 'kubeconfig'), 'old', { mode: 0o644 });
    done(await run('kubeconfig', '--out', 'kubeconfig'));
    expect(statSync(join(folder, 'kubeconfig')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'kubeconfig'), 'utf8')).toMatch(/^apiVersion: v1$/m);
    expect(done(await run('kubeconfig')).stdout).toMatch(/^kind: Config$/m);
  });

  it('of a journal come as text, and grow with --follow', async () => {
    expect(done(await run('logs', 'master0')).stdout).toMatch(/k3s/);
    const following = startCli(starling, ['logs', 'master0', '--follow'], { cwd: folder });
    await waitUntil('it has shown the journal', () => /k3s/.test(following.output.stdout));
    following.signal('SIGINT');
    expect((await following.ended).stderr).not.toContain('BUG');
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('has a script for %s', async (shell) => {
    expect(done(await run('completion', shell)).stdout).toContain('starling');
  });

  it('knows commands, sub-commands, options and their values', async () => {
    const complete = async (...words: string[]): Promise<string[]> => {
      const { stdout } = done(await run('complete', '--', ...words));
      return stdout.split('\n').map((line) => line.split('\t')[0] ?? '');
    };
    expect(await complete('re')).toEqual(
      expect.arrayContaining(['restart', 'reimage', 'resize', 'repair', 'rebalance']),
    );
    expect(await complete('chaos', '')).toEqual(expect.arrayContaining(['run', 'list']));
    expect(await complete('scale', '--')).toEqual(
      expect.arrayContaining(['--cluster', '--json', '--what-if', '--yes']),
    );
    expect(await complete('reimage', '--order', '')).toEqual(expect.arrayContaining(['serial', 'parallel']));
  });
});

const hasBash = spawnSync('bash', ['--version']).status === 0;

(hasBash ? describe : describe.skip)('completion in bash', () => {
  it('works without the package bash-completion', async () => {
    const script = join(folder, 'completion.bash');
    const starlingOnPath = `starling() { '${process.execPath}' '${process.cwd()}/dist/cli/main.js' "$@"; }; compopt() { :; }`;
    const typed = 'COMP_WORDS=(starling chaos s) COMP_CWORD=2; __starling_complete; echo "${COMPREPLY[@]}"';
    writeFileSync(script, done(await run('completion', 'bash')).stdout);
    const { stdout } = await startProcess(['bash', '-c', `${starlingOnPath}; source '${script}'; ${typed}`], starling)
      .ended;
    expect(stdout.trim()).toBe('show');
  });
});

describe('the end', () => {
  it('has never printed the key', () => {
    expect(said.join('')).not.toContain(addressesOf(starling).key);
  });

  it('deletes everything with --yes, and prints the proof', async () => {
    const ended = done(await run('down', '--yes', '--json'));
    expect(faultsOf(ended, 'DELETE /api/clusters/{c}', 202)).toEqual([]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ verb: 'destroy', state: 'succeeded' });
    expect((await run('status', '-c', 'demo')).code).toBe(3);
  });
});
