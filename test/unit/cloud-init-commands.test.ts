import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import {
  BINARY_FILE,
  at,
  callsOf,
  environment,
  node,
  offerRelease,
  put,
  read,
  recorder,
  run,
  useNode,
} from './cloud-init-fixture';

/** The scripts that Starling runs through the VM's agent, which keeps what they print. */

useNode();

describe('an upgrade', () => {
  const NEW = 'v1.37.0+k3s1';
  const upgrade = (version: string) => run(`starling-upgrade.sh ${version}`);

  beforeEach(() => {
    environment('master', { STARLING_ENGINE_SOURCE: `${node.url}/releases` });
    offerRelease(NEW);
  });

  test('installs the version, restarts the engine, and says at last that it is done', async () => {
    const { status, output } = await upgrade(NEW);
    expect([status, output.trim().split('\n').at(-1)]).toEqual([0, `starling-upgrade: done ${NEW}`]);
    expect(read('usr/local/bin/k3s')).toContain(NEW);
    expect(callsOf('systemctl')).toEqual(['restart k3s.service']);
  });

  test('can be repeated, and stays over a boot', async () => {
    await upgrade(NEW);
    node.files = {};
    expect(await upgrade(NEW)).toMatchObject({ status: 0, output: expect.stringContaining('is there') });
    expect(await run('starling-install.sh')).toMatchObject({ output: expect.stringContaining(`k3s ${NEW} is there`) });
  });

  test.each(['', 'latest', 'v1.2', '1.37.0', 'v1.37.0;reboot', '../v1.37.0'])('to %j is refused', async (version) => {
    const { status, output } = await upgrade(version);
    expect([status, output]).toEqual([2, expect.not.stringContaining('done')]);
    expect(callsOf('systemctl')).toEqual([]);
  });

  test('does nothing with a binary that does not fit its checksum', async () => {
    node.files[`/releases/${NEW}/${BINARY_FILE}`] = 'something else';
    const { status, output } = await upgrade(NEW);
    expect([status, output]).toEqual([1, expect.not.stringContaining('done')]);
    expect([existsSync(at('usr/local/bin/k3s')), callsOf('systemctl')]).toEqual([false, []]);
  });

  test('is not done when the engine does not come up', async () => {
    recorder('systemctl', 'exit 1');
    const { status, output } = await upgrade(NEW);
    expect([status, output]).toEqual([1, expect.not.stringContaining('done')]);
  });
});

describe('a rotation', () => {
  const [OLD, NEW] = ['eyJ.old.credential', 'eyJ.new.credential'];
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  /** Deleting the Secret lets the next reading give another token. */
  const kubectl = `
    case "$*" in
      *delete*) touch "$0.deleted" ;;
      *jsonpath*) if [[ -e "$0.deleted" ]]; then printf '${encoded(NEW)}'; else printf '${encoded(OLD)}'; fi ;;
    esac`;
  const rotate = () =>
    run('starling-rotate.sh', {
      STARLING_KUBECTL: recorder('kubectl', kubectl),
      STARLING_MANIFEST: '/m.yaml',
      STARLING_READY_LIMIT_SECONDS: '0',
    });

  beforeEach(() => {
    node.instanceName = 'master0';
    environment('master');
    put('etc/starling/endpoint', 'https://demo.example:6443\n');
    put(
      'var/lib/rancher/k3s/server/tls/server-ca.crt',
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
    );
    node.answers = [{ status: 200 }];
  });

  test('deletes the Secret, has it made anew, tells Starling, and prints no credential', async () => {
    const { status, output } = await rotate();
    expect([status, output.trim().split('\n').at(-1)]).toEqual([0, 'starling-rotate: done']);
    expect(callsOf('kubectl')[0]).toMatch(/^--namespace starling delete secret starling --ignore-not-found/);
    expect(JSON.parse(node.posted.at(-1)?.claims ?? '')).toMatchObject({ credential: NEW });
    expect(output + callsOf('kubectl').join()).not.toMatch(/eyJ|ZXlK/);
  });

  test('can be repeated', async () => {
    await rotate();
    expect(await rotate()).toMatchObject({ status: 0 });
  });

  test('is not done when Starling could not be told; the unit tells it later', async () => {
    node.answers = ['drop'];
    const { status, output } = await rotate();
    expect([status, output]).toEqual([1, expect.not.stringContaining('done')]);
  });
});

describe('a snapshot', () => {
  const NAME = 'before-v1.37.0';
  const snapshot = (name: string, body = 'echo "Snapshot saved."') => {
    recorder('k3s', body);
    mkdirSync(at('usr/local/bin'), { recursive: true });
    symlinkSync(at('bin/k3s'), at('usr/local/bin/k3s'));
    return run(`starling-snapshot.sh ${name}`);
  };

  test('is taken under the name, and said at last to be done', async () => {
    const { status, output } = await snapshot(NAME);
    expect([status, output]).toEqual([0, `Snapshot saved.\nstarling-snapshot: done ${NAME}\n`]);
    expect(callsOf('k3s')).toEqual([`etcd-snapshot save --name ${NAME}`]);
  });

  test('is not done when k3s could not take it', async () => {
    expect(await snapshot(NAME, 'exit 1')).toMatchObject({ status: 1, output: expect.not.stringContaining('done') });
  });

  test.each(['', '../x', 'a;b', '-x'])('is refused under the name %j', async (name) => {
    expect(await snapshot(name)).toMatchObject({ status: 2, output: expect.not.stringContaining('done') });
    expect(callsOf('k3s')).toEqual([]);
  });
});
