import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSshKey } from '../../cli/ssh-key';
import { createProgram } from '../../cli/program';
import type { Session } from '../../cli/session';
import { proxyCommand, shown, sshCommand, type SshTarget } from '../../cli/ssh';
import { ClusterSpecSchema } from '../../shared/api';

const hasSsh = spawnSync('ssh', ['-V']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'starling-ssh-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TARGET: SshTarget = {
  gateway: 'demo.example',
  engine: 'k3s',
  port: 2211,
  identity: "/home/o'neill/my keys/k.pem",
  knownHosts: '/home/o x/known_hosts',
};

describe('a key pair', () => {
  const { privateKey, publicKey } = makeSshKey('starling');

  it('is taken by the API', () => {
    const ssh = { publicKey, from: ['203.0.113.7/32'] };
    expect(ClusterSpecSchema.safeParse({ engine: 'k3s', location: 'westeurope', ssh }).success).toBe(true);
  });

  it('is another one each time', () => {
    expect(makeSshKey('starling').publicKey).not.toBe(publicKey);
  });

  it('belongs together', () => {
    const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
    const bytes = Buffer.from(privateKey.split('\n').slice(1, -2).join(''), 'base64');
    const x = blob.subarray(-32);
    const d = bytes.subarray(bytes.lastIndexOf(x) - 32, bytes.lastIndexOf(x));
    const key = { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') };
    const signature = sign(
      null,
      Buffer.from('text'),
      createPrivateKey({ format: 'jwk', key: { ...key, d: d.toString('base64url') } }),
    );
    expect(verify(null, Buffer.from('text'), createPublicKey({ format: 'jwk', key }), signature)).toBe(true);
  });

  (hasSsh ? it : it.skip).each(['', 'a', 'ab', 'abcdefg', 'starling'])(
    'is read by the real ssh-keygen, whatever its padding: comment %j (needs ssh)',
    (comment) => {
      const pair = makeSshKey(comment);
      const file = join(folder, `k${comment}`);
      writeFileSync(file, pair.privateKey, { mode: 0o600 });
      chmodSync(file, 0o600);
      const derived = execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim();
      expect(derived).toBe(pair.publicKey.trim());
    },
  );
});

describe('the command for ssh', () => {
  /** What ssh itself makes of the options. */
  const understood = (command: string[]): Record<string, string> => {
    const text = execFileSync('ssh', ['-F', 'none', '-G', ...command.slice(1)], { encoding: 'utf8' });
    return Object.fromEntries(
      text.split('\n').map((line) => [line.split(' ')[0] ?? '', line.slice(line.indexOf(' ') + 1)]),
    );
  };

  (hasSsh ? it : it.skip)('gives away no agent and no display, and takes only the first host key (needs ssh)', () => {
    expect(understood(sshCommand(TARGET))).toMatchObject({
      user: 'starling',
      hostname: 'demo.example',
      port: '2211',
      forwardagent: 'no',
      forwardx11: 'no',
      identitiesonly: 'yes',
      stricthostkeychecking: 'accept-new',
      userknownhostsfile: '/home/o x/known_hosts',
    });
  });

  (hasSsh ? it : it.skip)('reaches other nodes through master0, with the same care on both ways (needs ssh)', () => {
    const { hostname, proxycommand = '' } = understood(sshCommand(TARGET, '172.31.16.4'));
    expect(hostname).toBe('172.31.16.4');
    expect(proxycommand).toMatch(/^ssh -p 2211 .*ForwardAgent=no.*accept-new.* -W .* starling@demo\.example$/);
  });

  (hasSsh ? it : it.skip)('opens doors on this machine only, and runs nothing (needs ssh)', () => {
    const command = proxyCommand(TARGET, { socks: 1080, forward: ['5000:localhost:5000'] });
    expect(understood(command)).toMatchObject({
      dynamicforward: '[127.0.0.1]:1080',
      localforward: '[127.0.0.1]:5000 [localhost]:5000',
      exitonforwardfailure: 'yes',
    });
    expect(command).toContain('-N');
  });

  it('is printed so that a shell takes it as it is', () => {
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${shown(['ssh', "a b'c", '$HOME', '*', ''])}`], {
      encoding: 'utf8',
    });
    expect(words).toBe("ssh\na b'c\n$HOME\n*\n\n");
  });
});

describe('the doors of a proxy', () => {
  const WEB = ['9080:localhost:80', '9443:localhost:443'];

  /** What `starling proxy --print` prints of its doors, for a cluster of that engine. */
  async function doorsOf(engine: 'k3s' | 'swarm', ...more: string[]): Promise<string[]> {
    const printed: string[] = [];
    const cluster = {
      spec: { engine, ssh: { port: 22 } },
      endpoints: [{ name: 'master0', fqdn: 'demo.example' }],
      createdAt: '2026-02-03T04:05:06.000Z',
    };
    const session = {
      env: {},
      cwd: folder,
      terminal: { print: (line: string) => printed.push(line) },
      client: () => ({ call: async () => ({ body: cluster }) }),
    } as unknown as Session;
    const words = ['proxy', '--cluster', 'demo', '--print', ...more];
    await createProgram(session, '0').parseAsync(words, { from: 'user' });
    return [...printed.join().matchAll(/-L 127\.0\.0\.1:(\S+)/g)].map(([, door = '']) => door);
  }

  it('lead to what master0 has of each engine, unless others are named', async () => {
    expect(await doorsOf('k3s')).toEqual([...WEB, '5000:localhost:5000', '6443:localhost:6443']);
    expect(await doorsOf('swarm')).toEqual(WEB);
    expect(await doorsOf('swarm', '--forward', '30000:localhost:30000')).toEqual(['30000:localhost:30000']);
  });
});
