import { existsSync } from 'node:fs';
import { at, callsOf, modeOf, node, put, read, recorder } from './cloud-init-fixture';
import {
  NODE_ID,
  askedFor,
  docker,
  engine,
  runWithDocker,
  swarmEnvironment,
  useDoor,
  useSwarmNode,
} from './cloud-init-swarm-fixture';

/** Docker on a machine of a swarm: where it comes from, how it is upgraded, what it tells, and how it ends. */

useSwarmNode();
const door = useDoor();

const KEPT = 'var/lib/starling/docker-installed';
const SOURCES = 'etc/apt/sources.list.d/docker.sources';
const MADISON = `
cat <<'LIST'
 docker-ce | 5:29.7.20-1~ubuntu.24.04~noble | https://mirror.example/ubuntu noble/stable amd64 Packages
 docker-ce | 5:29.7.2-1~ubuntu.24.04~noble | https://mirror.example/ubuntu noble/stable amd64 Packages
 docker-ce | 5:29.7.1-1~ubuntu.24.04~noble | https://mirror.example/ubuntu noble/stable amd64 Packages
 docker-ce | 5:28.0.4-1~ubuntu.24.04~noble | https://mirror.example/ubuntu noble/stable amd64 Packages
LIST`;
/** The version is in place once apt-get was asked to install it; the daemon that runs is another matter. */
const INSTALLS = (version: string) => `
[[ $* != *" install "* ]] || printf '#!/bin/bash\\necho "Docker version ${version}, build 1"\\n' >"\${0%/*}/dockerd"`;

/** apt's programs, with what they do; and Docker in the given version, or none. */
function machine(installed: string, aptGet: string, madison = MADISON): Record<string, string> {
  recorder('apt-get', aptGet);
  recorder('apt-cache', madison);
  recorder('apt-mark');
  recorder('dpkg');
  return {
    ...door.env(),
    STARLING_DOCKERD: docker(installed),
    STARLING_APT: at('bin'),
    STARLING_INSTALL_LIMIT_SECONDS: '0',
  };
}

beforeEach(() => put('etc/os-release', 'ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'));

describe('installing Docker', () => {
  test('takes exactly the version from Docker’s archive by the key of customData, and holds it', async () => {
    expect(await runWithDocker('starling-install.sh', machine('', INSTALLS('29.7.2')))).toMatchObject({ status: 0 });
    expect(read(SOURCES)).toBe(
      'Types: deb\nURIs: https://download.docker.com/linux/ubuntu\nSuites: noble\nComponents: stable\n' +
        'Signed-By: /etc/apt/keyrings/docker.asc\n',
    );
    expect(callsOf('apt-get')).toEqual([
      expect.stringMatching(/ update$/),
      expect.stringMatching(
        / install .*docker-ce=5:29\.7\.2-1~ubuntu\.24\.04~noble docker-ce-cli=5:29\.7\.2-1~ubuntu\.24\.04~noble containerd\.io$/,
      ),
    ]);
    expect(callsOf('apt-mark')).toEqual(['hold docker-ce docker-ce-cli containerd.io']);
    expect([read(KEPT), modeOf(SOURCES)]).toEqual(['29.7.2\n', '644']);
    expect(callsOf('systemctl')).toEqual(['daemon-reload', 'restart docker.service']);
  });

  test('finds another system’s folder, and another mirror', async () => {
    put('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n');
    swarmEnvironment('agent', { STARLING_ENGINE_SOURCE: 'https://mirror.example/docker' });
    await runWithDocker('starling-install.sh', machine('', INSTALLS('29.7.2')));
    expect(read(SOURCES)).toContain('URIs: https://mirror.example/docker/debian\nSuites: bookworm\n');
  });

  test.each([
    ['29.7.2', '29.7.2'],
    ['20.10.24', '20.10.24+dfsg1'],
  ])('installs nothing where %s is in place, as %s', async (version, installed) => {
    swarmEnvironment('agent', { STARLING_ENGINE_VERSION: version });
    expect(await runWithDocker('starling-install.sh', machine(installed, 'exit 1'))).toMatchObject({ status: 0 });
    expect([callsOf('apt-get'), existsSync(at(SOURCES))]).toEqual([[], false]);
  });

  test('restarts Docker for new settings, and only for those', async () => {
    const env = machine('29.7.2', 'exit 1');
    const restarts = () => callsOf('systemctl').filter((call) => call === 'restart docker.service').length;
    await runWithDocker('starling-install.sh', env);
    await runWithDocker('starling-install.sh', env);
    expect([restarts(), callsOf('systemctl').at(-1)]).toEqual([1, 'start docker.socket docker.service']);
    put('etc/docker/daemon.json', '{"debug":true}\n');
    await runWithDocker('starling-install.sh', env);
    expect(restarts()).toBe(2);
  });

  test('tries again while another program has apt’s lock or the mirror is away', async () => {
    const third = `[[ $(wc -l <"$0.calls") -ge 4 ]] || exit 100; ${INSTALLS('29.7.2')}`;
    const env = { ...machine('', third), STARLING_INSTALL_LIMIT_SECONDS: '60' };
    expect(await runWithDocker('starling-install.sh', env)).toMatchObject({ status: 0 });
    expect(callsOf('apt-get').length).toBeGreaterThan(4);
    expect(callsOf('apt-get')[0]).toContain('DPkg::Lock::Timeout=');
  });

  test('makes whole what was there by half when the machine went down, without which apt does nothing', async () => {
    const env = machine('', `[[ -e ${at('bin/whole')} ]] || exit 100; ${INSTALLS('29.7.2')}`);
    recorder('dpkg', `[[ $* != *'--configure -a' ]] || touch ${at('bin/whole')}`);
    expect(await runWithDocker('starling-install.sh', env)).toMatchObject({ status: 0 });
    expect(callsOf('apt-get')).toHaveLength(2);
  });

  test('makes whole also a Docker that tells the right version', async () => {
    await runWithDocker('starling-install.sh', machine('29.7.2', 'exit 1'));
    expect(callsOf('dpkg')).toEqual(['--force-confdef --force-confold --configure -a']);
  });

  test.each([
    [
      'the archive has no such version',
      INSTALLS('29.7.2'),
      'echo " docker-ce | 5:29.7.20-1~x | y"',
      'has no Docker 29.7.2',
    ],
    ['something else was installed', INSTALLS('29.7.1'), MADISON, 'could not be had'],
  ])('fails, to be started again, when %s', async (_name, aptGet, madison, words) => {
    const { status, output } = await runWithDocker('starling-install.sh', machine('', aptGet, madison));
    expect([status, output]).toEqual([1, expect.stringContaining(words)]);
    expect([existsSync(at(KEPT)), callsOf('systemctl')]).toEqual([false, []]);
  });
});

describe('an upgrade', () => {
  const upgrade = (version: string, env: Record<string, string>) =>
    runWithDocker(`starling-upgrade.sh ${version}`, { STARLING_UPGRADE_LIMIT_SECONDS: '2', ...env });

  beforeEach(() => {
    swarmEnvironment('agent', { STARLING_ENGINE_VERSION: '28.0.4' });
    Object.assign(engine, { state: 'active', nodeId: NODE_ID });
  });

  test('installs the version, and is done once that one runs as a member', async () => {
    const { status, output } = await upgrade('29.7.2', machine('28.0.4', INSTALLS('29.7.2')));
    expect([status, output.trim().split('\n').at(-1)]).toEqual([0, 'starling-upgrade: done 29.7.2']);
    expect(callsOf('apt-get')[1]).toContain('docker-ce=5:29.7.2-1~ubuntu.24.04~noble');
  });

  test('restarts an engine that still runs in the old version', async () => {
    engine.version = '28.0.4';
    const env = machine('29.7.2', 'exit 1');
    await runWithDocker('starling-install.sh 29.7.2', env);
    await upgrade('29.7.2', env);
    expect(callsOf('systemctl').at(-1)).toBe('restart docker.service');
  });

  test('can be repeated, restarts nothing then, and stays over a boot', async () => {
    const env = machine('28.0.4', INSTALLS('29.7.2'));
    await upgrade('29.7.2', env);
    const before = callsOf('systemctl').length;
    expect(await upgrade('29.7.2', env)).toMatchObject({ status: 0, output: expect.stringContaining('is there') });
    expect(await runWithDocker('starling-install.sh', env)).toMatchObject({ status: 0 });
    expect(new Set(callsOf('systemctl').slice(before))).toEqual(new Set(['start docker.socket docker.service']));
    expect(callsOf('apt-get')).toHaveLength(2);
  });

  test('is not done when the engine is no member afterwards', async () => {
    Object.assign(engine, { state: 'pending', pendingLooks: Infinity });
    const { status, output } = await upgrade('29.7.2', machine('28.0.4', INSTALLS('29.7.2')));
    expect([status, output]).toEqual([1, expect.not.stringContaining('upgrade: done')]);
  });

  test.each(['', 'latest', '29.7', 'v1.36.2+k3s1', '29.7.2;reboot', '../29.7.2'])(
    'to %j is refused',
    async (version) => {
      const { status, output } = await upgrade(version, machine('28.0.4', 'exit 1'));
      expect([status, output]).toEqual([2, expect.not.stringContaining('done')]);
      expect(callsOf('systemctl').concat(callsOf('apt-get'))).toEqual([]);
    },
  );
});

describe('a worker', () => {
  test('tells at every boot which node of the swarm it is, and nothing else', async () => {
    Object.assign(engine, { state: 'active', nodeId: NODE_ID });
    node.answers = [{ status: 200 }, { status: 409 }];
    expect(await runWithDocker('starling-ready.sh')).toMatchObject({ status: 0 });
    expect(await runWithDocker('starling-ready.sh')).toMatchObject({ status: 0 });
    expect(node.posted.map(({ path }) => path)).toEqual(Array(2).fill('/api/clusters/demo/ready'));
    const claims = JSON.parse(node.posted[0]?.claims ?? '') as Record<string, string>;
    expect(Object.keys(claims)).toEqual(['cluster', 'hostname', 'instanceId', 'bootId', 'nodeId']);
    expect(claims['nodeId']).toBe(NODE_ID);
  });

  describe('before it is evicted', () => {
    const preempt = { EventId: 'e-1', EventType: 'Preempt', Resources: ['agents_3'], EventStatus: 'Scheduled' };
    const watch = () =>
      runWithDocker('starling-events.sh', {
        STARLING_EVENTS_POLLS: '3',
        STARLING_STAY_SECONDS: '600',
        STARLING_DRAIN_SECONDS: '2',
      });

    beforeEach(() => {
      node.answers = [{ status: 200 }];
      node.events = [[], [preempt]];
    });

    test('takes leave, lets its tasks go, stops Docker with its socket, and approves', async () => {
      engine.tasks = [2, 2, 0];
      await watch();
      expect(node.posted.map(({ path }) => path)).toEqual(['/api/clusters/demo/leave']);
      expect(askedFor('/containers/json')).toHaveLength(3);
      expect(callsOf('systemctl')).toEqual(['stop docker.socket docker.service']);
      expect(node.approvals).toEqual([{ StartRequests: [{ EventId: 'e-1' }] }]);
    });

    test('does not wait longer for its tasks than there is time', async () => {
      engine.tasks = [1];
      const started = Date.now();
      await watch();
      expect(Date.now() - started).toBeLessThan(8_000);
      expect(callsOf('systemctl')).toEqual(['stop docker.socket docker.service']);
    });

    test('approves also when Docker does not stop in time', async () => {
      recorder('systemctl', 'exit 1');
      const { output } = await watch();
      expect(output).toContain('the engine did not stop');
      expect(node.approvals).toHaveLength(1);
    });
  });
});
