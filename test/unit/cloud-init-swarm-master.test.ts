import { spawnSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { at, callsOf, modeOf, node, put, read, recorder } from './cloud-init-fixture';
import { NODE_ID, engine, runWithDocker, swarmEnvironment, useDoor, useSwarmNode } from './cloud-init-swarm-fixture';

/** Keys, report, rotation and snapshot of a master of a swarm. */

useSwarmNode();
const door = useDoor();

const KEYS = 'etc/docker/starling';
const FQDN = 'demo-x-master0.westeurope.cloudapp.azure.com';
const ticket = {
  engine: 'swarm',
  role: 'master',
  nodeName: 'master0-1f2e3d4c',
  token: '',
  servers: [],
  version: '29.7.2',
  labels: {},
  initialise: true,
  tlsSans: [FQDN],
};
const run = (script: string, env: Record<string, string> = {}) =>
  runWithDocker(script, { STARLING_READY_LIMIT_SECONDS: '5', ...door.env(), ...env });
const certificate = (name: string): X509Certificate => new X509Certificate(read(`${KEYS}/${name}.pem`));
const told = () =>
  JSON.parse(node.posted.filter(({ path }) => path.endsWith('/ready')).at(-1)?.claims ?? '{}') as Record<
    string,
    string
  >;
const DAY_MS = 86_400_000;

/** Calls the engine as Starling does; gives the status, or why the connection failed. */
const call = (ca: string, credential: string, servername = FQDN) =>
  new Promise<number | string | undefined>((answered) =>
    request(
      { host: '127.0.0.1', port: door.port(), path: '/_ping', ca, cert: credential, key: credential, servername },
      (response) => response.resume().on('end', () => answered(response.statusCode)),
    )
      .on('error', ({ message }) => answered(message))
      .end(),
  );

beforeEach(async () => {
  swarmEnvironment('master');
  node.answers = [{ status: 200, body: ticket }];
  expect(await run('starling-join.sh')).toMatchObject({ status: 0 });
  node.answers = [{ status: 200 }];
});

describe('keys', () => {
  test('are for this master alone, by both its names, and for root alone', () => {
    expect(certificate('server').subjectAltName).toBe(`IP Address:127.0.0.1, DNS:${FQDN}`);
    for (const name of ['server', 'client']) {
      expect(certificate(name).verify(certificate('ca').publicKey)).toBe(true);
      expect(createPrivateKey(read(`${KEYS}/${name}-key.pem`)).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    }
    expect([certificate('ca').ca, certificate('server').ca, certificate('client').ca]).toEqual([true, false, false]);
    expect(modeOf(KEYS)).toBe('700');
    for (const name of readdirSync(at(KEYS))) expect(modeOf(`${KEYS}/${name}`)).toBe('600');
  });

  test('leave no authority behind that could sign another', () => {
    expect(readdirSync(at(KEYS)).sort()).toEqual([
      'ca.pem',
      'client-key.pem',
      'client.pem',
      'names',
      'server-key.pem',
      'server.pem',
    ]);
    expect(readdirSync(at('etc/docker')).sort()).toEqual(['daemon.json', 'starling']);
  });

  test('last longer than any machine', () => {
    for (const name of ['ca', 'server', 'client'])
      expect(Date.parse(certificate(name).validTo) - Date.now()).toBeGreaterThan(3649 * DAY_MS);
  });

  test('stay over a boot', async () => {
    const before = read(`${KEYS}/client.pem`);
    node.answers = [{ status: 409 }];
    await run('starling-join.sh');
    expect(read(`${KEYS}/client.pem`)).toBe(before);
  });

  test.each([
    ['lost', () => rmSync(at(`${KEYS}/server-key.pem`))],
    ['for another name', () => put(`${KEYS}/names`, 'DNS:other.example\n')],
    ['about to end', () => put(`${KEYS}/client.pem`, read(`${KEYS}/ending.pem`))],
  ])('that are %s are made anew at the next boot, and told', async (_name, spoil) => {
    put(`${KEYS}/ending.pem`, endingCertificate());
    spoil();
    node.answers = [{ status: 409 }];
    await run('starling-join.sh');
    expect(callsOf('systemctl').slice(-3)).toEqual([
      'restart docker.service',
      'restart --no-block starling-ready.service',
      'start docker.socket docker.service',
    ]);
    expect(await run('starling-ready.sh')).toMatchObject({ status: 0 });
    expect(told()['credential']).toContain(read(`${KEYS}/client.pem`).trim());
  });

  test('are not given up when new ones cannot be made', async () => {
    const before = read(`${KEYS}/client.pem`);
    const broken = recorder(
      'openssl',
      '[[ $* != *serverAuth* && $* != *" server "* ]] && PATH=${PATH#*:} exec openssl "$@"',
    );
    expect(
      await run('starling-rotate.sh', { PATH: `${broken.replace('/openssl', '')}:${process.env['PATH']}` }),
    ).toMatchObject({
      status: 1,
    });
    expect(read(`${KEYS}/client.pem`)).toBe(before);
  });
});

/** A certificate with ten days to live, made by the script's own means. */
function endingCertificate(): string {
  const key = at(`${KEYS}/client-key.pem`);
  return spawnSync('openssl', ['req', '-x509', '-key', key, '-subj', '/CN=x', '-days', '10'], { encoding: 'utf8' })
    .stdout;
}

describe('telling that it is ready', () => {
  test('gives the node id, and all that it takes to come in', async () => {
    expect(await run('starling-ready.sh')).toMatchObject({ status: 0 });
    const { nodeId, endpoint, ca = '', credential = '' } = told();
    expect([nodeId, endpoint]).toEqual([NODE_ID, `https://${FQDN}:${door.port()}`]);
    expect(credential).toMatch(
      /^-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----[^]+$/,
    );
    expect([ca.length, credential.length].every((length) => length < 8192)).toBe(true);
    expect(await call(ca, credential)).toBe(200);
    expect(await call(ca, credential, 'other.example')).toMatch(/altname/i);
  });

  test('shows no key in any line or on any command line', async () => {
    const tools = ['curl', 'openssl', 'awk', 'grep', 'sha256sum'];
    for (const tool of tools) recorder(tool, `PATH=\${PATH#*:} exec ${tool} "$@"`);
    const { output } = await run('starling-ready.sh', { PATH: `${at('bin')}:${process.env['PATH']}` });
    const key = read(`${KEYS}/client-key.pem`).split('\n')[1] ?? '';
    expect(key.length).toBeGreaterThan(40);
    expect(told()['credential']).toContain(key);
    expect(output + tools.flatMap(callsOf).join()).not.toContain(key);
    expect(callsOf('curl').length).toBeGreaterThan(2);
  });

  test('waits until its engine is a member again', async () => {
    Object.assign(engine, { state: 'pending', nodeId: '', pendingLooks: 3 });
    expect(await run('starling-ready.sh')).toMatchObject({ status: 0 });
    expect(told()['nodeId']).toBe(NODE_ID);
  });

  test.each([
    ['is no member', () => Object.assign(engine, { state: 'error', nodeId: '' })],
    ['has its door shut', () => rmSync(at(`${KEYS}/client.pem`))],
  ])('fails, to be started again, when the engine %s', async (_name, spoil) => {
    spoil();
    expect(await run('starling-ready.sh', { STARLING_READY_LIMIT_SECONDS: '0' })).toMatchObject({ status: 1 });
    expect(told()).toEqual({});
  });
});

describe('a rotation', () => {
  test('makes new keys, tells Starling, and the old ones are worthless', async () => {
    await run('starling-ready.sh');
    const old = told();
    const { status, output } = await run('starling-rotate.sh');
    expect([status, output.trim().split('\n').at(-1)]).toEqual([0, 'starling-rotate: done']);
    const { ca = '', credential = '' } = told();
    expect(await call(ca, credential)).toBe(200);
    expect(await call(ca, old['credential'] ?? '')).toMatch(/alert|ECONNRESET|hang up/);
    expect(await call(old['ca'] ?? '', old['credential'] ?? '')).toMatch(/certificate|signature/);
    expect(output).not.toMatch(/BEGIN/);
  });

  test('that Docker does not bear at once is told once it does: it has the new keys then', async () => {
    const failing = recorder('failing', '[[ $* != "restart docker.service" ]]');
    expect(await run('starling-rotate.sh', { STARLING_SYSTEMCTL: failing })).toMatchObject({ status: 1 });
    expect(callsOf('failing').at(-1)).toBe('restart --no-block starling-ready.service');
  });

  test('can be repeated', async () => {
    await run('starling-rotate.sh');
    expect(await run('starling-rotate.sh')).toMatchObject({ status: 0 });
  });

  test('is not done when Starling could not be told, which the unit then does until it is', async () => {
    node.answers = ['drop'];
    const { status, output } = await run('starling-rotate.sh', { STARLING_READY_LIMIT_SECONDS: '0' });
    expect([status, output]).toEqual([1, expect.not.stringContaining('rotate: done')]);
    expect(callsOf('systemctl').at(-1)).toBe('restart --no-block starling-ready.service');
  });

  test('is nothing for a master that has not joined', async () => {
    rmSync(at('etc/starling/names'));
    expect(await run('starling-rotate.sh')).toMatchObject({ status: 1 });
  });
});

describe('a snapshot', () => {
  const NAME = 'before-29.8.0';
  const FILE = `var/lib/starling/snapshots/${NAME}.tar.gz`;

  beforeEach(() => put('var/lib/docker/swarm/raft/wal-v3-encrypted/0.wal', 'log'));

  test('holds what the engine had when it stood still, for root alone, and the engine is back', async () => {
    const before = callsOf('systemctl').length;
    const { status, output } = await run(`starling-snapshot.sh ${NAME}`);
    expect([status, output.trim().split('\n').at(-1)]).toEqual([0, `starling-snapshot: done ${NAME}`]);
    expect(contentsOf(FILE)).toContain('swarm/raft/wal-v3-encrypted/0.wal');
    expect(modeOf(FILE)).toBe('600');
    expect(callsOf('systemctl').slice(before)).toEqual([
      'stop docker.socket docker.service',
      'start docker.socket docker.service',
    ]);
  });

  test('can be repeated, and is the newer one then', async () => {
    await run(`starling-snapshot.sh ${NAME}`);
    put('var/lib/docker/swarm/docker-state.json', '{}');
    expect(await run(`starling-snapshot.sh ${NAME}`)).toMatchObject({ status: 0 });
    expect(contentsOf(FILE)).toContain('swarm/docker-state.json');
  });

  test('that fails is not done, leaves no half of it, and the engine runs', async () => {
    rmSync(at('var/lib/docker'), { recursive: true });
    const { status, output } = await run(`starling-snapshot.sh ${NAME}`);
    expect([status === 0, output]).toEqual([false, expect.not.stringContaining('snapshot: done')]);
    expect(readdirSync(at('var/lib/starling/snapshots'))).toEqual([]);
    expect(callsOf('systemctl').at(-1)).toBe('start docker.socket docker.service');
  });

  test('is not done before the master is a member again', async () => {
    Object.assign(engine, { state: 'pending', pendingLooks: Infinity });
    const { status, output } = await run(`starling-snapshot.sh ${NAME}`, { STARLING_SNAPSHOT_LIMIT_SECONDS: '0' });
    expect([status, output]).toEqual([1, expect.not.stringContaining('snapshot: done')]);
    expect(existsSync(at(FILE))).toBe(true);
  });

  test.each(['', '../x', 'a;b', '-x'])('is refused under the name %j', async (name) => {
    const before = callsOf('systemctl').length;
    expect(await run(`starling-snapshot.sh ${name}`)).toMatchObject({ status: 2 });
    expect(callsOf('systemctl')).toHaveLength(before);
  });
});

function contentsOf(archive: string): string[] {
  return spawnSync('tar', ['--list', '--gzip', '--file', at(archive)], { encoding: 'utf8' }).stdout.split('\n');
}
