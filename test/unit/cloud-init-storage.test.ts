import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { at, callsOf, modeOf, node, put, read, recorder, run, useNode } from './cloud-init-fixture';

/** `starling-storage.sh` as it is: credentials for root alone, and units that mount each share at its first use. */

useNode();

const KEY = 'c2VjcmV0LWtleSsv/w==';
const storage = { account: 'stdemo', key: KEY, shares: ['data', 'my-share'], mountAt: '/srv' };
const CREDENTIALS = 'etc/smbcredentials/stdemo.cred';
const mount = (env: Record<string, string> = {}) =>
  run('starling-storage.sh', { STARLING_MOUNT_CIFS: 'true', STARLING_STORAGE_LIMIT_SECONDS: '0', ...env });
const handOver = (): void =>
  put(
    'run/starling/storage',
    `storage.account\tstdemo\nstorage.key\t${KEY}\nstorage.shares.0\tdata\nstorage.mountAt\t/srv\n`,
    0o600,
  );

/** Every file of the machine, but for those of the test itself. */
const filesWith = (text: string): string[] =>
  readdirSync(node.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, 'utf8').includes(text))
    .map((path) => path.slice(node.root.length + 1));

const hasEscape = spawnSync('systemd-escape', ['--version']).status === 0;
if (!hasEscape) process.stderr.write('skipped: systemd-escape is not installed\n');

(hasEscape ? describe : describe.skip)('mounting the shares', () => {
  beforeEach(() => {
    node.answers = [{ status: 200, body: { storage } }];
  });

  test('asks for the key, attested, and puts it into a file for root alone and nowhere else', async () => {
    const { status, output } = await mount();
    expect(status).toBe(0);
    expect(node.posted.map(({ path }) => path)).toEqual(['/api/clusters/demo/storage']);
    expect(read(CREDENTIALS)).toBe(`username=stdemo\npassword=${KEY}\n`);
    expect([modeOf(CREDENTIALS), modeOf('etc/smbcredentials')]).toEqual(['600', '700']);
    expect(filesWith(KEY)).toEqual([CREDENTIALS]);
    expect(output).not.toContain(KEY);
    expect(callsOf('systemctl').join()).not.toContain(KEY);
  });

  test('uses what the ticket brought, asks nobody, and leaves no second copy', async () => {
    handOver();
    expect(await mount()).toMatchObject({ status: 0 });
    expect(node.posted).toEqual([]);
    expect(filesWith(KEY)).toEqual([CREDENTIALS]);
  });

  test('mounts each share at its first use, under a name that systemd derives from the path', async () => {
    await mount();
    const unit = 'etc/systemd/system/srv-my\\x2dshare';
    expect(read(`${unit}.mount`)).toContain(
      [
        'What=//stdemo.file.core.windows.net/my-share',
        'Where=/srv/my-share',
        'Type=cifs',
        'Options=credentials=/etc/smbcredentials/stdemo.cred,nofail,_netdev,vers=3.1.1,serverino,mfsymlinks,actimeo=30',
      ].join('\n'),
    );
    expect(read(`${unit}.automount`)).toMatch(/^Where=\/srv\/my-share$/m);
    expect([modeOf(`${unit}.mount`), modeOf(`${unit}.automount`)]).toEqual(['644', '644']);
    expect(callsOf('systemctl')).toEqual([
      'daemon-reload',
      'enable --now srv-data.automount srv-my\\x2dshare.automount',
    ]);
  });

  test('writes units that `systemd-analyze verify` finds nothing wrong with', async () => {
    await mount();
    const units = readdirSync(at('etc/systemd/system')).map((name) => at(`etc/systemd/system/${name}`));
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' });
    expect(units).toHaveLength(4);
    expect(stderr.split('\n').filter((line) => line.includes('srv-'))).toEqual([]);
  });

  test('changes nothing when it is run again', async () => {
    await mount();
    const before = filesWith('').filter((path) => path.startsWith('etc/'));
    const texts = before.map(read);
    expect(await mount()).toMatchObject({ status: 0 });
    expect(filesWith('').filter((path) => path.startsWith('etc/'))).toEqual(before);
    expect(before.map(read)).toEqual(texts);
  });

  test('takes a renewed key', async () => {
    await mount();
    node.answers = [{ status: 200, body: { storage: { ...storage, key: 'bmV3' } } }];
    await mount();
    expect(read(CREDENTIALS)).toBe('username=stdemo\npassword=bmV3\n');
    expect(modeOf(CREDENTIALS)).toBe('600');
  });

  test('keeps the old key and fails, to be started again, when there is no answer', async () => {
    await mount();
    node.answers = [{ status: 503 }];
    expect(await mount()).toMatchObject({ status: 1 });
    expect(read(CREDENTIALS)).toContain(KEY);
  });

  test('gives up on a refusal', async () => {
    node.answers = [{ status: 403, body: { code: 'UNKNOWN_INSTANCE' } }];
    expect(await mount()).toMatchObject({ status: 2, output: expect.stringContaining('UNKNOWN_INSTANCE') });
    expect(existsSync(at(CREDENTIALS))).toBe(false);
  });

  test('has nothing to do where there are no shares', async () => {
    node.answers = [{ status: 200, body: { storage: null } }];
    expect(await mount({ STARLING_MOUNT_CIFS: 'no-such' })).toMatchObject({ status: 0 });
    expect(callsOf('systemctl')).toEqual([]);
  });

  test('installs cifs-utils where the image lacks them, and tries again later when that fails', async () => {
    const apt = recorder('apt-get', '[[ -e "$0.works" ]]');
    const env = { STARLING_MOUNT_CIFS: 'no-such', STARLING_APT: apt };
    expect(await mount(env)).toMatchObject({ status: 1 });
    expect(callsOf('systemctl')).toEqual([]);
    put('bin/apt-get.works', '');
    rmSync(at('bin/apt-get.calls'));
    expect(await mount(env)).toMatchObject({ status: 0 });
    expect(callsOf('apt-get')).toEqual([
      expect.stringContaining('update'),
      expect.stringMatching(/install cifs-utils$/),
    ]);
  });

  test.each([
    ['an account with a slash', { account: 'st/../demo' }],
    ['a key with a line break', { key: 'x\ny' }],
    ['a share that leaves its folder', { shares: ['../etc'] }],
    ['a path that leaves its folder', { mountAt: '/srv/..' }],
    ['a path with a blank', { mountAt: '/srv x' }],
    ['no share', { shares: [] }],
    ['no key', { key: null }],
  ])('an answer with %s is not acted on', async (_name, part) => {
    node.answers = [{ status: 200, body: { storage: { ...storage, ...part } } }];
    expect(await mount()).toMatchObject({ status: 1 });
    expect([existsSync(at(CREDENTIALS)), callsOf('systemctl')]).toEqual([false, []]);
  });
});
