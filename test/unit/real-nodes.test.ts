import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { readOptions, UsageError } from '../../local/options';
import { serverNameOf } from '../../local/vm/real/client-hello';
import { macOf } from '../../local/vm/real/disk';
import { openDoor } from '../../local/vm/real/door';
import { readPreamble } from '../../local/vm/real/pipes';
import { dockerVersionIn } from '../../local/vm/real/prepare';
import { k3sReleases } from '../../local/vm/real/releases';
import { suiteOf } from '../../local/vm/real/root-file-system';

const NAME = 'farm-abc-master0.westeurope.cloudapp.azure.com';
const HOST = '127.0.0.1';

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function listening(): Promise<Server> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  return server;
}

/** The first bytes that Node's own TLS client sends to a port; `server` is who gets them. */
async function greeting(servername: string, server: Server, port = portOf(server)): Promise<Buffer> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connectTls({ host: HOST, port, servername, rejectUnauthorized: false });
  client.on('error', () => undefined); // nobody answers it
  const [socket] = await accepted;
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  return bytes;
}

describe('connections to names of machines', () => {
  let server: Server;
  beforeEach(async () => void (server = await listening()));
  afterEach(() => void server.close());

  test('a TLS greeting tells the name once all of it is there', async () => {
    const bytes = await greeting(NAME, server);
    expect(serverNameOf(bytes)).toBe(NAME);
    for (const length of [0, 4, 5, 60, bytes.length - 1])
      expect(serverNameOf(bytes.subarray(0, length))).toBe('incomplete');
  });

  test('there is no name in a greeting that has none, makes no sense or is not TLS', async () => {
    const bytes = await greeting('', server);
    expect(serverNameOf(bytes)).toBeUndefined();
    expect(serverNameOf(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBeUndefined();
    expect(serverNameOf(Buffer.from([22, 3, 1, 0, 3, 1, 0, 0]))).toBeUndefined();
  });

  test('the door finds the machine by the name and hands the greeting on untouched', async () => {
    const asked: string[] = [];
    const door = await openDoor(async (name) => {
      asked.push(name);
      return connect(portOf(server), HOST);
    });
    expect(serverNameOf(await greeting(NAME, server, door.port))).toBe(NAME);
    expect(asked).toEqual([NAME]);
    await door.close();
  });

  test('a first line is read without what follows it', async () => {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect(portOf(server), HOST);
    client.write('imds 172.31.16.4\nGET / HTTP/1.1\r\n');
    const [socket] = await accepted;
    expect(await readPreamble(socket)).toBe('imds 172.31.16.4');
    const [rest] = (await once(socket, 'data')) as [Buffer];
    expect(rest.toString()).toBe('GET / HTTP/1.1\r\n');
    client.destroy();
    socket.destroy();
  });
});

describe('the release page of k3s', () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-release-'));
  const binary = join(folder, 'k3s');
  beforeAll(() => writeFileSync(binary, 'the binary'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const get = async (path: string) =>
    (await k3sReleases(binary))({ method: 'GET', url: new URL(path, 'https://github.com'), headers: {}, body: '' });

  test('has the binary and its checksum for every version, and nothing else', async () => {
    const base = '/k3s-io/k3s/releases/download/v1.36.2%2Bk3s1';
    expect(await get(`${base}/k3s`)).toEqual({ status: 200, body: Buffer.from('the binary') });
    expect((await get(`${base}/sha256sum-amd64.txt`)).body).toMatch(/^[0-9a-f]{64} {2}k3s\n/);
    expect(await get(`${base}/install.sh`)).toMatchObject({ status: 404 });
    expect(await get('/other/k3s/releases/download/v1/k3s')).toMatchObject({ status: 404 });
  });
});

describe('options of real nodes', () => {
  const read = (scale?: string) => readOptions(['--real-nodes'], { STARLING_TIME_SCALE: scale }, '/app');

  test('time is real unless another scale is wished, which nodes must be able to follow', () => {
    expect(read()).toMatchObject({ realNodes: true, scale: 1 });
    expect(read('10').scale).toBe(10);
    for (const wrong of ['0', '11', 'fast'])
      expect(() => read(wrong)).toThrow(
        new UsageError(
          `STARLING_TIME_SCALE must be a number from 1 to 10, not ${wrong}: with --real-nodes, nodes live in real time`,
        ),
      );
    expect(readOptions([], {}, '/app')).toMatchObject({ realNodes: false, scale: 10 });
  });
});

test('the demo of real nodes is a swarm, unless they can have k3s', () => {
  const read = (args: string[], binary?: string) => readOptions(args, { STARLING_K3S_BINARY: binary }, '/app');
  expect(read([]).defaultEngine).toBe('k3s');
  expect(read(['--real-nodes']).defaultEngine).toBe('swarm');
  expect(read(['--real-nodes'], '/k3s').defaultEngine).toBe('k3s');
  expect(read(['--real-nodes', '--engine', 'k3s'], '/k3s').engine).toBe('k3s');
  expect(() => read(['--real-nodes', '--engine', 'k3s'])).toThrow(/needs STARLING_K3S_BINARY/);
});

test('the version of Docker is that of the package, as Docker calls it', () => {
  const of = (version: string) => `Package: docker-x\nVersion: 1.2.3\n\nPackage: docker.io\nVersion: ${version}\n\n`;
  expect(dockerVersionIn(of('20.10.24+dfsg1-1+deb12u1+b6'))).toBe('20.10.24');
  expect(dockerVersionIn(of('5:28.2.2-0ubuntu1'))).toBe('28.2.2');
  expect(() => dockerVersionIn('Package: docker-x\nVersion: 1.2.3\n')).toThrow('no Docker');
});

test('help is shown whatever the variables are', () => {
  const env = { STARLING_TIME_SCALE: '99', PORT: 'none' };
  expect(readOptions(['--real-nodes', '--help'], env, '/app')).toMatchObject({ help: true });
  expect(() => readOptions(['--help', '--engine', 'docker'], env, '/app')).toThrow(UsageError);
});

test('the suite of the root file system is that of this machine', () => {
  expect(suiteOf('NAME="Debian"\nVERSION_CODENAME=bookworm\n')).toBe('bookworm');
  expect(() => suiteOf('NAME="Alpine"\n')).toThrow('Debian or Ubuntu');
});

test('a machine keeps its network card, and no two have the same', () => {
  expect(macOf('a')).toMatch(/^00:0d:3a(:[0-9a-f]{2}){3}$/);
  expect(macOf('a')).toBe(macOf('a'));
  expect(macOf('a')).not.toBe(macOf('b'));
});
