import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse, parseAllDocuments } from 'yaml';
import { NODE_FILES, type NodeEngine } from '../../cloud-init/files';
import { LIBRARY, type NodeFile, type NodeRole, UNITS } from '../../cloud-init/node-file';
import { type CustomDataInput, renderCustomData } from '../../cloud-init/render';
import { SCRIPTS, scriptsOf } from './cloud-init-fixture';

const base: CustomDataInput = {
  role: 'agent',
  engine: 'k3s',
  appUrl: 'https://app.example/',
  cluster: 'demo',
  version: 'v1.36.2+k3s1',
  ssh: null,
};
const swarm: CustomDataInput = { ...base, engine: 'swarm', version: '29.7.2' };
const ssh = { publicKey: 'ssh-ed25519 AAAA me', port: 2222, from: ['203.0.113.7/32'] };
const variants: [string, CustomDataInput][] = [
  ['an agent', base],
  ['a master', { ...base, role: 'master' }],
  ['a master with SSH', { ...base, role: 'master', ssh }],
  ['an agent of a swarm', swarm],
  ['a master of a swarm with SSH', { ...swarm, role: 'master', ssh }],
];

const bytesOf = (input: CustomDataInput): Buffer => Buffer.from(renderCustomData(input), 'base64');
const decode = (input: CustomDataInput): string => gunzipSync(bytesOf(input)).toString();
/** As it travels, and as it would without compression. */
const sizesOf = (input: CustomDataInput): string => {
  const kib = (length: number): string => (length / 1024).toFixed(1);
  return `${kib(renderCustomData(input).length)} KiB, ${kib((decode(input).length * 4) / 3)} KiB if it were not compressed`;
};
interface CloudConfig {
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
}
const configOf = (input: CustomDataInput): CloudConfig => parse(decode(input)) as CloudConfig;
const fileOf = (input: CustomDataInput, path: string): string =>
  configOf(input).write_files.find((file) => file.path === path)?.content ?? '';

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
/** A check that needs a tool which not every machine has; says so instead of passing silently. */
const testWith = (command: string) => {
  if (has(command)) return test;
  process.stderr.write(`skipped: ${command} is not installed\n`);
  return test.skip;
};

describe.each(variants)('customData of %s', (_name, input) => {
  test(`is small: of the 64 KiB that Azure takes it needs ${sizesOf(input)}`, () => {
    // Half, so that the next release does not come to a limit that only Azure would tell of.
    expect(renderCustomData(input).length).toBeLessThan(32 * 1024);
  });

  test('is the same bytes whenever and wherever it is rendered', () => {
    const header = bytesOf(input).subarray(0, 10);
    expect(renderCustomData(input)).toBe(renderCustomData({ ...input }));
    expect([header.readUInt32LE(4), header[9]]).toEqual([0, 255]); // no time, no operating system
  });

  test('is a gzipped #cloud-config that writes every file as it is', () => {
    expect(decode(input)).toMatch(/^#cloud-config\n/);
    for (const { path, content } of NODE_FILES[input.engine][input.role]) expect(fileOf(input, path)).toBe(content);
  });

  test('has modes as text and commands as lists, as cloud-init’s schema wants them', () => {
    const { write_files: files, runcmd, ...rest } = configOf(input);
    expect(rest).toEqual({});
    for (const { permissions } of files) expect(permissions).toMatch(/^0[0-7]{3}$/);
    for (const command of runcmd) for (const word of command) expect(typeof word).toBe('string');
  });

  test('starts nothing that would make the boot wait', () => {
    for (const command of configOf(input).runcmd.filter(([, verb]) => verb === 'start')) {
      expect(command).toContain('--no-block');
    }
  });

  test('starts and enables only units that it writes', () => {
    const units = configOf(input).write_files.map(({ path }) => path.split('/').pop());
    const named = configOf(input)
      .runcmd.filter(([, verb]) => verb === 'enable' || verb === 'start')
      .flat();
    const missing = named.filter((word) => word.endsWith('.service') && !units.includes(word));
    expect(missing).toEqual([]);
  });

  testWith('cloud-init')('passes `cloud-init schema`', () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-'));
    const file = join(folder, 'user-data');
    writeFileSync(file, decode(input));
    const result = spawnSync('cloud-init', ['schema', '--config-file', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect(`${result.stdout}${result.stderr}`).toMatch(/Valid (cloud-config|schema)/);
    expect(result.status).toBe(0);
  });
});

test('node.env holds what the scripts need and nothing that is secret', () => {
  expect(fileOf(base, '/etc/starling/node.env').trim().split('\n')).toEqual([
    'STARLING_URL=https://app.example',
    'STARLING_CLUSTER=demo',
    'STARLING_ROLE=agent',
    'STARLING_ENGINE=k3s',
    'STARLING_ENGINE_VERSION=v1.36.2+k3s1',
  ]);
});

test('settings reach the scripts', () => {
  const settings = { engineSource: 'https://mirror.example/k3s', engineSha256: { arm64: 'ab12' } };
  const text = fileOf({ ...base, settings }, '/etc/starling/node.env');
  expect(text).toContain('STARLING_ENGINE_SOURCE=https://mirror.example/k3s\n');
  expect(text).toContain('STARLING_ENGINE_SHA256_ARM64=ab12\n');
});

test.each(['$(reboot)', 'a b', "a'b", 'a;b', 'a\nb'])('a value that a shell would act on is refused: %j', (appUrl) => {
  expect(() => renderCustomData({ ...base, appUrl })).toThrow(/STARLING_URL/);
});

test('without SSH its server is masked, with SSH it moves to the port asked for', () => {
  expect(configOf(base).runcmd).toContainEqual(['systemctl', 'mask', 'ssh.socket', 'ssh.service']);
  const withSsh = { ...base, ssh };
  expect(configOf(withSsh).runcmd.flat()).not.toContain('mask');
  expect(fileOf(withSsh, '/etc/ssh/sshd_config.d/50-starling.conf')).toMatch(/^Port 2222\nPasswordAuthentication no/);
});

test.each([
  [base, /ready|rbac|rotate|snapshot|k3s\.service/],
  [swarm, /rotate|snapshot/],
])('agents get nothing that only masters need', (input, needless) => {
  const pathsOf = (role: NodeRole): string[] => configOf({ ...input, role }).write_files.map(({ path }) => path);
  expect(pathsOf('agent').filter((path) => needless.test(path))).toEqual([]);
  expect(pathsOf('master').filter((path) => needless.test(path))).not.toEqual([]);
});

describe('a machine of a swarm', () => {
  test('knows Docker’s archive by its makers’ key', () => {
    const key = fileOf(swarm, '/etc/apt/keyrings/docker.asc');
    const blocks = key.replace(/^-.*$|^=.*$/gm, '');
    const bytes = Buffer.from(blocks, 'base64');
    // RFC 4880, 12.2: the hash of the public key's packet, whose header is two bytes longer here than there.
    const length = bytes.readUInt16BE(1);
    const packet = Buffer.concat([Buffer.from([0x99, length >> 8, length & 0xff]), bytes.subarray(3, 3 + length)]);
    const fingerprint = createHash('sha1').update(packet).digest('hex').toUpperCase();
    expect(fingerprint).toBe('9DC858229FC7DD38854AE2D88D81803C0EBFCD88');
    expect(createHash('sha256').update(key).digest('hex')).toMatch(/^1500c1f56fa9e26b9b8f42452a553675/);
  });

  test('gives containers addresses that are none of its network’s', () => {
    const settings = JSON.parse(fileOf(swarm, '/etc/docker/daemon.json')) as Record<string, unknown>;
    expect(settings['default-address-pools']).toEqual([{ base: '172.20.0.0/14', size: 24 }]);
    expect(settings).not.toHaveProperty('live-restore');
    expect(settings).not.toHaveProperty('hosts');
  });

  test('starts Docker only once containers are shut off from the metadata service', () => {
    const settings = fileOf(swarm, '/etc/systemd/system/docker.service.d/50-starling.conf');
    expect(settings).toMatch(/^Requires=starling-block-imds.service\nAfter=starling-block-imds.service$/m);
    expect(
      configOf(swarm)
        .runcmd.flat()
        .filter((word) => word.includes('docker')),
    ).toEqual([]);
  });
});

/** What is given to any node of an engine, a file once. */
const filesOf = (engine: NodeEngine): NodeFile[] => [
  ...new Map([...NODE_FILES[engine].master, ...NODE_FILES[engine].agent].map((file) => [file.path, file])).values(),
];
const unitsOf = (engine: NodeEngine): NodeFile[] => filesOf(engine).filter(({ path }) => path.endsWith('.service'));
const baseName = ({ path }: NodeFile): string => basename(path);
const engines = Object.keys(NODE_FILES) as NodeEngine[];

describe.each(engines)('units of %s', (engine) => {
  const unit = (name: string): string =>
    unitsOf(engine).find((file) => baseName(file) === `${name}.service`)?.content ?? '';

  test('the farewell runs while the network, names and the engine are still up', () => {
    expect(unit('starling-leave')).toMatch(
      /^After=network-online\.target nss-lookup\.target .*docker\.service containerd\.service k3s\.service k3s-agent\.service$/m,
    );
    expect(unit('starling-leave')).toMatch(/^RemainAfterExit=yes$/m);
    expect(unit('starling-leave')).toMatch(/^ExecStop=/m);
    expect(unit('starling-leave')).not.toMatch(/DefaultDependencies=no|shutdown\.target/);
  });

  test('the watcher never ends, and asks from the first boot on', () => {
    expect(unit('starling-events')).toMatch(/^Restart=always$/m);
    expect(unit('starling-events')).toMatch(/^WantedBy=multi-user\.target$/m);
    expect(unit('starling-events')).not.toMatch(/starling-join|k3s|docker/);
  });

  test('nothing waits for the shares', () => {
    for (const { content } of unitsOf(engine))
      expect(content).not.toMatch(/^(After|Requires|Wants)=.*starling-storage/m);
  });

  testWith('systemd-analyze')('are valid by `systemd-analyze verify`', () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-'));
    // What the units run is not on this machine, and Docker's unit comes with its package.
    const written = filesOf(engine).filter(({ path }) => path.startsWith(UNITS));
    const place = ({ path }: { path: string }): string => join(folder, path.slice(UNITS.length));
    for (const file of [{ path: `${UNITS}/docker.service`, content: '[Service]\nExecStart=/bin/true\n' }, ...written]) {
      mkdirSync(dirname(place(file)), { recursive: true });
      writeFileSync(place(file), file.content.replace(/^(Exec\w+=-?)\/\S+/gm, '$1/bin/true'));
    }
    const units = [place({ path: `${UNITS}/docker.service` }), ...unitsOf(engine).map(place)];
    const result = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
    });
    rmSync(folder, { recursive: true });
    expect(result.stderr.split('\n').filter((line) => /starling|k3s|docker/.test(line))).toEqual([]);
  });

  test('run only files that are written', () => {
    const written = filesOf(engine)
      .map(({ path }) => path)
      .concat('/usr/local/bin/k3s', '/bin/true', '/sbin/modprobe');
    const run = unitsOf(engine).flatMap(({ content }) =>
      [...content.matchAll(/^Exec\w+=-?(\/\S+)/gm)].map(([, path]) => path),
    );
    expect(run.filter((path) => !written.includes(path ?? ''))).toEqual([]);
  });

  test('none waits for cloud-init, which itself waits for them', () => {
    for (const { content } of unitsOf(engine)) expect(content).not.toMatch(/cloud-/);
  });
});

test.each(['k3s', 'k3s-agent'])('%s does not start before pods are shut off from the metadata service', (name) => {
  const unit = unitsOf('k3s').find((file) => baseName(file) === `${name}.service`)?.content;
  expect(unit).toMatch(/^Requires=starling-block-imds.service$/m);
  expect(unit).toMatch(/^After=.*starling-block-imds.service/m);
});

describe('rights of Starling in a cluster', () => {
  interface Rules {
    kind: string;
    rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
  }
  const rbac = NODE_FILES.k3s.master.find(({ path }) => path.endsWith('rbac.yaml'))?.content ?? '';
  const documents = parseAllDocuments(rbac).map((document) => document.toJS() as Rules);

  test('never include a wildcard, and never reading a Secret', () => {
    for (const { rules } of documents.filter(({ kind }) => kind.endsWith('Role'))) {
      expect(JSON.stringify(rules)).not.toContain('*');
      const secrets = rules.filter(({ resources }) => resources.includes('secrets')).flatMap(({ verbs }) => verbs);
      expect(secrets.filter((verb) => !['create', 'patch', 'delete'].includes(verb))).toEqual([]);
    }
  });

  test('are fenced before they are given', () => {
    expect(documents.map(({ kind }) => kind).slice(0, 2)).toEqual([
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicyBinding',
    ]);
  });
});

describe.each(engines)('scripts of %s', (engine) => {
  const scripts = scriptsOf(engine);

  test('are all given to some node', () => {
    const given = filesOf(engine).filter(({ path }) => path.startsWith(LIBRARY) && path.endsWith('.sh'));
    expect(given.map(baseName).sort()).toEqual(scripts.map((path) => basename(path)).sort());
  });

  test('define the functions that README.md promises, which are all that the shared ones call', () => {
    const promised = [...readFileSync(join(SCRIPTS, 'README.md'), 'utf8').matchAll(/^\| `(engine_\w+)/gm)];
    const names = promised.map(([, name]) => name).sort();
    const engineScript = readFileSync(join(SCRIPTS, engine, 'starling-engine.sh'), 'utf8');
    const defined = [...engineScript.matchAll(/^(engine_\w+)\(\)/gm)].map(([, name]) => name);
    const shared = scripts.filter((path) => dirname(path) === SCRIPTS).map((path) => readFileSync(path, 'utf8'));
    const called = shared.flatMap((text) => [...text.matchAll(/\bengine_\w+/g)].map(([name]) => name));
    expect(defined.sort()).toEqual(names);
    expect([...new Set(called)].filter((name) => !names.includes(name))).toEqual([]);
    for (const text of shared) expect(text.replace(/^# shellcheck.*$/gm, '')).not.toMatch(/k3s|kube|docker|swarm/i);
  });

  testWith('shellcheck')('are clean by shellcheck, together as a node has them', () => {
    const together = mkdtempSync(join(tmpdir(), 'starling-'));
    const copies = scripts.map((path) => join(together, basename(path)));
    scripts.forEach((path, index) => copyFileSync(path, copies[index] ?? ''));
    const result = spawnSync('shellcheck', ['--external-sources', ...copies], { encoding: 'utf8' });
    rmSync(together, { recursive: true });
    expect(result.stdout).toBe('');
    expect(result.status).toBe(0);
  });

  test('never pipe a download into a shell, and never trust an unchecked connection', () => {
    for (const { content } of filesOf(engine)) {
      expect(content).not.toMatch(/curl[^\n]*\|\s*(ba)?sh|--insecure|curl[^\n]* -k |\beval\b|StrictHostKeyChecking/);
    }
  });
});
