import { X509Certificate } from 'node:crypto';
import { REJECTED_PASSWORD } from '../../local/engines/k3s/supervisor';
import { caHashOf } from '../../local/engines/k3s/tokens';
import { FQDN, SERVER_TOKEN, START, codeOf, k3sFixture, serverStart, type K3sFixture } from './k3s-fixture';

const SECRET = '0123456789abcdef';

describe('the k3s supervisor', () => {
  let fixture: K3sFixture;
  beforeEach(async () => {
    fixture = await k3sFixture();
  });
  afterEach(() => fixture.close());

  const caHash = (): string => caHashOf(fixture.k3s.identityOf(FQDN)?.ca ?? '');
  const mint = (id: string, fields: Record<string, string> = {}) =>
    fixture.api.createNamespacedSecret({
      namespace: 'kube-system',
      body: {
        metadata: { name: `bootstrap-token-${id}` },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          'token-id': id,
          'token-secret': SECRET,
          'usage-bootstrap-authentication': 'true',
          expiration: new Date(START + 600_000).toISOString(),
          ...fields,
        },
      },
    });
  const join = (name: string, more = {}) => fixture.k3s.joinAgent(fixture.agent(name, more));
  const isReady = async (name: string): Promise<boolean> =>
    ((await fixture.api.readNode({ name })).status?.conditions ?? []).some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
  const serverDown = (fqdn: string, index: number): void => {
    fixture.k3s.stopServer(fqdn);
    fixture.k3s.stopKubelet('blue', `master${index}`, serverStart(index).machineId, false);
  };

  it('serves the CA whose hash full tokens carry, without credentials', async () => {
    const request = { method: 'GET', url: new URL(`https://${FQDN}/cacerts`), headers: {}, body: '' };
    const answer = fixture.k3s.handle(FQDN, request);
    expect(caHashOf(String(answer.body))).toBe(caHash());
    expect(fixture.k3s.handle(FQDN, { ...request, url: new URL(`https://${FQDN}/api/v1/nodes`) }).status).toBe(401);
  });

  it('lets an agent join with a full bootstrap token and reports it Ready some seconds later', async () => {
    await mint('abcdef');
    expect(join('a1', { token: `K10${caHash()}::abcdef.${SECRET}` })).toMatchObject({ ok: true });
    expect(await isReady('a1')).toBe(false);
    await fixture.clock.advance(5_000);
    expect(await isReady('a1')).toBe(true);
  });

  it('refuses a token whose CA hash is that of another cluster', async () => {
    await mint('abcdef');
    expect(join('a1', { token: `K10${'0'.repeat(64)}::abcdef.${SECRET}` })).toMatchObject({ ok: false, status: 401 });
  });

  it.each([
    ['was never made', 'zzzzzz', {}],
    ['has another secret', 'abcdef', { 'token-secret': 'ffffffffffffffff' }],
    ['is not for authentication', 'abcdef', { 'usage-bootstrap-authentication': 'false' }],
  ])('refuses a bootstrap token that %s', async (_, used, fields) => {
    await mint('abcdef', fields);
    expect(join('a1', { token: `K10${caHash()}::${used}.${SECRET}` })).toMatchObject({ ok: false, status: 401 });
  });

  it('refuses an expired bootstrap token and deletes its Secret', async () => {
    await mint('abcdef');
    await fixture.clock.advance(601_000);
    expect(join('a1', { token: `abcdef.${SECRET}` })).toMatchObject({ ok: false, status: 401 });
    const target = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
    expect(await codeOf(fixture.api.deleteNamespacedSecret(target))).toBe(404);
  });

  it('does not let a server join with a bootstrap token', async () => {
    await mint('abcdef');
    const start = { ...serverStart(1), token: `abcdef.${SECRET}` };
    expect(await fixture.k3s.joinServer(start, 'https://10.0.0.4:6443')).toMatchObject({ ok: false, status: 403 });
  });

  it('honestly lets an agent join with the server token', () => {
    expect(join('a1', { token: `server:${SERVER_TOKEN}` })).toMatchObject({ ok: true });
    expect(join('a2', { token: 'server:wrong' })).toMatchObject({ ok: false, status: 401 });
  });

  it('rejects a name that another disk used before, until the node is deleted', async () => {
    expect(join('a1')).toMatchObject({ ok: true });
    const other = { nodePassword: 'of a new disk', machineId: 'other' };
    expect(join('a1', other)).toEqual({ ok: false, status: 403, message: REJECTED_PASSWORD });
    await fixture.api.deleteNode({ name: 'a1' });
    expect(join('a1', other)).toMatchObject({ ok: false, status: 403 });
    await fixture.clock.advance(4_000);
    expect(join('a1', other)).toMatchObject({ ok: true });
  });

  it('lets an agent return with its certificate after its token died, while its node exists', async () => {
    await mint('abcdef');
    const token = `abcdef.${SECRET}`;
    const first = join('a1', { token });
    if (!first.ok) throw new Error(first.message);
    const { certificate } = first;
    await fixture.clock.advance(700_000);
    expect(join('a1', { token, certificate })).toMatchObject({ ok: true });
    await fixture.api.deleteNode({ name: 'a1' });
    await fixture.clock.advance(5_000);
    expect(join('a1', { token, certificate })).toMatchObject({ ok: false, status: 401 });
  });

  it('never re-creates a node that was deleted while its kubelet runs', async () => {
    join('a1');
    await fixture.clock.advance(5_000);
    await fixture.api.deleteNode({ name: 'a1' });
    await fixture.clock.advance(600_000);
    expect(await codeOf(fixture.api.readNode({ name: 'a1' }))).toBe(404);
    expect(join('a1')).toMatchObject({ ok: true });
    expect(await codeOf(fixture.api.readNode({ name: 'a1' }))).toBe(200);
  });

  it('refuses labels that a kubelet may not give itself', () => {
    expect(join('a1', { labels: { 'node-role.kubernetes.io/worker': '' } })).toMatchObject({ ok: false, status: 403 });
  });

  it('answers 503 to more joins at once than it serves', () => {
    const outcomes = Array.from({ length: 12 }, (_, index) => join(`a${index}`));
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(10);
    expect(outcomes[11]).toMatchObject({ status: 503 });
  });

  it('lets one server at a time become a member and answers 503 without a majority', async () => {
    const { k3s, clock, api } = fixture;
    expect(await k3s.joinServer(serverStart(1), 'https://10.0.0.4:6443')).toMatchObject({ ok: true });
    expect(await k3s.joinServer(serverStart(2), 'https://10.0.0.4:6443')).toMatchObject({ ok: false, status: 503 });
    await clock.advance(6_000);
    expect(await k3s.joinServer(serverStart(2), 'https://10.0.0.4:6443')).toMatchObject({ ok: true });
    const fqdns = [1, 2].map((index) => serverStart(index).fqdn);
    serverDown(fqdns[0] ?? '', 1);
    expect(await codeOf(api.listNode())).toBe(200);
    serverDown(fqdns[1] ?? '', 2);
    expect(await codeOf(api.listNode())).toBe(503);
    expect(join('a1')).toMatchObject({ ok: false, status: 503 });
    expect(k3s.startServer(fqdns[1] ?? '')).toBe(true);
    expect(await codeOf(api.listNode())).toBe(200);
    await clock.advance(60_000);
    expect([await isReady('master1'), await isReady('master2')]).toEqual([false, true]);
  });

  it('removes the etcd member of a server whose node is deleted, and does not let it come back', async () => {
    const { k3s, api } = fixture;
    await k3s.joinServer(serverStart(1), 'https://10.0.0.4:6443');
    serverDown(serverStart(1).fqdn, 1);
    expect(await codeOf(api.listNode())).toBe(503); // one of two is no majority
    k3s.startServer(serverStart(1).fqdn);
    await api.deleteNode({ name: 'master1' });
    serverDown(serverStart(1).fqdn, 1);
    expect(await codeOf(api.listNode())).toBe(200);
    expect(k3s.startServer(serverStart(1).fqdn)).toBe(false);
  });

  it('serves each master with a certificate of the cluster CA for its names and addresses', async () => {
    await fixture.k3s.joinServer({ ...serverStart(1), tlsSans: ['api.example'] }, 'https://10.0.0.4:6443');
    const { authority, servers } = {
      authority: new X509Certificate(fixture.k3s.identityOf(FQDN)?.ca ?? ''),
      servers: fixture.store.list<{ certificate: { certificatePem: string } }>('k3s-servers'),
    };
    const second = new X509Certificate(servers[1]?.[1].certificate.certificatePem ?? '');
    expect(second.verify(authority.publicKey)).toBe(true);
    expect(second.checkHost(serverStart(1).fqdn)).toBe(serverStart(1).fqdn);
    expect(second.checkHost('api.example')).toBe('api.example');
    expect(second.checkIP('10.0.0.5')).toBe('10.0.0.5');
    expect(second.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect([second.validFrom, second.validTo].map((date) => new Date(date).getUTCFullYear())).toEqual([2020, 2049]);
  });

  it('resets connections to a master that is down', async () => {
    fixture.k3s.stopServer(FQDN);
    await expect(fixture.api.listNode()).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
  });
});
