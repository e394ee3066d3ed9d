import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import {
  ARCHITECTURE,
  BINARY_FILE,
  BOOT_ID,
  at,
  callsOf,
  environment,
  modeOf,
  node,
  offerRelease,
  put,
  read,
  recorder,
  run,
  useNode,
} from './cloud-init-fixture';

useNode();

const TOKEN = `K10${'a'.repeat(64)}::abcdef.0123456789abcdef`;
const agentTicket = {
  engine: 'k3s',
  role: 'agent',
  nodeName: 'agents-3-1f2e3d4c',
  token: TOKEN,
  servers: ['https://172.31.0.10:6443', 'https://172.31.0.11:6443'],
  version: 'v1.36.2+k3s1',
  labels: { 'starling/cluster': 'demo', 'starling/instance': '3' },
  providerId: 'azure:///subscriptions/s/virtualMachines/3',
  storage: null,
};
const masterTicket = {
  ...agentTicket,
  role: 'master',
  nodeName: 'master0-1f2e3d4c',
  token: 'server-secret',
  servers: [],
  initialise: true,
  tlsSans: ['demo-x-master0.westeurope.cloudapp.azure.com', '203.0.113.5'],
};

const k3sConfig = 'etc/rancher/k3s/config.yaml';
const ticketFile = 'run/starling/ticket';

describe('joining', () => {
  const joinCluster = (env?: Record<string, string>) => run('starling-join.sh', env);

  test('binds the attestation to exactly the bytes of its claims', async () => {
    node.answers = [{ status: 200, body: agentTicket }];
    await joinCluster();
    const [{ path, claims, attestation } = { path: '', claims: '', attestation: '' }] = node.posted;
    expect(path).toBe('/api/clusters/demo/join');
    expect(claims).toBe(`{"cluster":"demo","hostname":"agents000003","instanceId":"3","bootId":"${BOOT_ID}"}`);
    expect(node.nonces).toEqual([createHash('sha256').update(claims).digest('hex').slice(0, 32)]);
    expect(Buffer.from(attestation, 'base64').toString()).toBe(node.nonces[0]);
    expect(new Set(node.metadataHeaders)).toEqual(new Set(['true']));
  });

  test('gets through a busy app, a dropped connection and an overload, with a fresh attestation each time', async () => {
    node.answers = [
      { status: 503, retryAfter: 0, body: { code: 'CLUSTER_NOT_READY' } },
      'drop',
      { status: 429 },
      { status: 200, body: agentTicket },
    ];
    expect(await joinCluster()).toMatchObject({ status: 0 });
    expect(node.posted).toHaveLength(4);
    expect(node.nonces).toHaveLength(4);
    expect(new Set(node.posted.map(({ claims }) => claims)).size).toBe(1);
  });

  test('waits as long as the app asks', async () => {
    node.answers = [
      { status: 503, retryAfter: 1 },
      { status: 200, body: agentTicket },
    ];
    const { output } = await joinCluster();
    expect(output).toMatch(/answer 503, attempt 1, next in 1[0-2]\d\d ms/);
  });

  test('writes ticket and configuration for root only, and starts the engine without waiting', async () => {
    node.answers = [{ status: 200, body: agentTicket }];
    await joinCluster();
    expect(read(ticketFile)).toContain(`nodeName\tagents-3-1f2e3d4c\ntoken\t${TOKEN}\n`);
    expect(read(k3sConfig)).toBe(
      [
        'server: "https://172.31.0.10:6443"',
        `token: "${TOKEN}"`,
        'node-name: "agents-3-1f2e3d4c"',
        'node-label:',
        '  - "starling/cluster=demo"',
        '  - "starling/instance=3"',
        'kubelet-arg:',
        '  - "provider-id=azure:///subscriptions/s/virtualMachines/3"',
        '',
      ].join('\n'),
    );
    expect([modeOf(ticketFile), modeOf(k3sConfig)]).toEqual(['600', '600']);
    expect(callsOf('systemctl')).toEqual(['restart --no-block k3s-agent.service']);
  });

  test('prints a line for each step and no secret in any', async () => {
    node.answers = [{ status: 503 }, { status: 200, body: agentTicket }];
    const { output } = await joinCluster();
    expect(output).toMatch(/instance 3 of cluster demo[^]*answer 503[^]*this is agents-3-1f2e3d4c/);
    expect(output).not.toContain('0123456789abcdef');
    expect(output).not.toContain(node.posted[0]?.attestation);
  });

  test('leaves nothing behind in its workspace', async () => {
    node.answers = [{ status: 200, body: agentTicket }];
    await joinCluster();
    expect(existsSync(at('run/starling'))).toBe(true);
    expect(read(ticketFile)).toBeTruthy();
    const left = readdirSync(at('run/starling'));
    expect(left).toEqual(['ticket']);
  });

  test('a second run with the same ticket changes nothing and restarts nothing', async () => {
    node.answers = [{ status: 200, body: agentTicket }];
    await joinCluster();
    const before = { text: read(k3sConfig), at: statSync(at(k3sConfig)).mtimeMs };
    expect(await joinCluster()).toMatchObject({ status: 0 });
    expect({ text: read(k3sConfig), at: statSync(at(k3sConfig)).mtimeMs }).toEqual(before);
    expect(callsOf('systemctl').at(-1)).toBe('start --no-block k3s-agent.service');
  });

  test('a new ticket after a new generation replaces the configuration', async () => {
    node.answers = [
      { status: 200, body: agentTicket },
      { status: 200, body: { ...agentTicket, nodeName: 'agents-3-new' } },
    ];
    await joinCluster();
    await joinCluster();
    expect(read(k3sConfig)).toContain('node-name: "agents-3-new"');
    expect(callsOf('systemctl')).toEqual(Array(2).fill('restart --no-block k3s-agent.service'));
  });

  test('409 is fine for a machine that has joined, also after a reboot that emptied /run', async () => {
    node.answers = [
      { status: 200, body: agentTicket },
      { status: 409, body: { code: 'ALREADY_JOINED' } },
    ];
    await joinCluster();
    rmSync(at('run'), { recursive: true });
    expect(await joinCluster()).toMatchObject({ status: 0 });
    expect(callsOf('systemctl').at(-1)).toBe('start --no-block k3s-agent.service');
  });

  test.each([409, 400, 401, 403, 404, 413])('%i gives up at once on a new machine, naming the code', async (status) => {
    node.answers = [{ status, body: { code: 'SOME_REASON', detail: 'x' } }];
    const result = await joinCluster();
    expect(result).toMatchObject({ status: 2 });
    expect(result.output).toContain(`refused with ${status} SOME_REASON`);
    expect(node.posted).toHaveLength(1);
    expect(existsSync(at(k3sConfig))).toBe(false);
  });

  test('without an answer in time a new machine fails, to be started again', async () => {
    node.answers = ['drop'];
    expect(await joinCluster({ STARLING_JOIN_LIMIT_SECONDS: '0' })).toMatchObject({ status: 1 });
    expect(callsOf('systemctl')).toEqual([]);
  });

  test('without an answer in time a machine that has joined goes on alone', async () => {
    node.answers = [{ status: 200, body: agentTicket }, 'drop'];
    await joinCluster();
    expect(await joinCluster({ STARLING_REJOIN_LIMIT_SECONDS: '0' })).toMatchObject({ status: 0 });
    expect(callsOf('systemctl').at(-1)).toBe('start --no-block k3s-agent.service');
  });

  test.each([
    ['a line break in a name', { nodeName: 'x"\nevil: true' }],
    ['a quote in a token', { token: 'x" , "y' }],
    ['a server without TLS', { servers: ['http://172.31.0.10:6443'] }],
    ['a label that leaves its list', { labels: { 'a"]': 'b' } }],
    ['another role', { role: 'master' }],
    ['another engine', { engine: 'swarm' }],
    ['no server', { servers: [] }],
    ['no token', { token: null }],
  ])('a ticket with %s is not acted on', async (_name, part) => {
    node.answers = [{ status: 200, body: { ...agentTicket, ...part } }];
    expect(await joinCluster()).toMatchObject({ status: 1 });
    expect(existsSync(at(k3sConfig))).toBe(false);
    expect(callsOf('systemctl')).toEqual([]);
  });

  test('an answer that is no JSON is not acted on', async () => {
    node.answers = [{ status: 200, body: '<html>maintenance</html>' }];
    expect(await joinCluster()).toMatchObject({ status: 1 });
    expect(existsSync(at(k3sConfig))).toBe(false);
  });

  test('asks the metadata service past any proxy', async () => {
    environment('agent', { STARLING_URL: node.url.replace('127.0.0.1', 'localhost') });
    node.answers = [{ status: 200, body: agentTicket }];
    const result = await joinCluster({ http_proxy: 'http://127.0.0.1:1', no_proxy: 'localhost' });
    expect(result).toMatchObject({ status: 0 });
  });

  test('goes to the first server that is there, since k3s asks only one at first', async () => {
    const port = new URL(node.url).port;
    const servers = ['https://127.0.0.1:1', `https://127.0.0.1:${port}`, 'https://127.0.0.1:2'];
    node.answers = [{ status: 200, body: { ...agentTicket, servers } }];
    await joinCluster();
    expect(read(k3sConfig)).toMatch(new RegExp(`^server: "https://127.0.0.1:${port}"$`, 'm'));
  });

  test('installs the version of the ticket where customData names an older one, before the engine starts', async () => {
    environment('agent', { STARLING_ENGINE_VERSION: 'v1.35.0+k3s1', STARLING_ENGINE_SOURCE: `${node.url}/releases` });
    offerRelease('v1.36.2+k3s1');
    node.answers = [{ status: 200, body: agentTicket }];
    expect(await joinCluster()).toMatchObject({ status: 0 });
    expect(read('usr/local/bin/k3s')).toContain('v1.36.2+k3s1');
    expect(callsOf('systemctl')).toEqual(['restart --no-block k3s-agent.service']);
  });

  test('fails, to be started again, when the version of the ticket cannot be had', async () => {
    environment('agent', { STARLING_ENGINE_VERSION: 'v1.35.0+k3s1', STARLING_ENGINE_SOURCE: `${node.url}/releases` });
    node.answers = [{ status: 200, body: agentTicket }];
    expect((await joinCluster()).status).not.toBe(0);
    expect(callsOf('systemctl')).toEqual([]);
  });

  test('hands the key of the shares over, and keeps it nowhere else', async () => {
    const storage = { account: 'stdemo', key: 'c2VjcmV0LWtleQ==', shares: ['data'], mountAt: '/srv' };
    node.answers = [{ status: 200, body: { ...agentTicket, storage } }];
    const { output } = await joinCluster();
    expect(read('run/starling/storage').split('\n')).toEqual([
      'storage.account\tstdemo',
      `storage.key\t${storage.key}`,
      'storage.shares.0\tdata',
      'storage.mountAt\t/srv',
      '',
    ]);
    expect(modeOf('run/starling/storage')).toBe('600');
    expect(output + read(ticketFile) + read(k3sConfig)).not.toContain(storage.key);
  });

  test('a single VM is called by its name', async () => {
    node.instanceName = 'master0';
    environment('master');
    node.answers = [{ status: 200, body: masterTicket }];
    await joinCluster();
    expect(JSON.parse(node.posted[0]?.claims ?? '')).toMatchObject({ instanceId: 'master0' });
  });
});

describe('a master', () => {
  const agentTokenOf = (config: string): string => /^agent-token: "([0-9a-f]{64})"$/m.exec(config)?.[1] ?? '';

  beforeEach(() => {
    node.instanceName = 'master0';
    environment('master');
  });

  test('that is first makes the cluster, with etcd, encryption and closed files', async () => {
    node.answers = [{ status: 200, body: masterTicket }];
    await run('starling-join.sh');
    const config = read(k3sConfig);
    expect(config).toMatch(/^cluster-init: true$/m);
    expect(config).toMatch(/^write-kubeconfig-mode: "0600"$/m);
    expect(config).toMatch(/^secrets-encryption: true$/m);
    expect(config).toMatch(/^tls-san:\n {2}- "demo-x-master0[^"]+"\n {2}- "203.0.113.5"$/m);
    expect(config).not.toMatch(/^(server|disable)/m);
    expect(read('etc/starling/endpoint')).toBe('https://demo-x-master0.westeurope.cloudapp.azure.com:6443\n');
    expect(callsOf('systemctl')).toEqual(['restart --no-block k3s.service']);
  });

  test('that follows joins the first one', async () => {
    node.answers = [
      { status: 200, body: { ...masterTicket, initialise: false, servers: ['https://172.31.0.10:6443'] } },
    ];
    await run('starling-join.sh');
    expect(read(k3sConfig)).toMatch(/^server: "https:\/\/172.31.0.10:6443"$/m);
    expect(read(k3sConfig)).not.toContain('cluster-init');
  });

  test('keeps the agents’ token apart from its own, the same on all masters', async () => {
    const full = { ...masterTicket, token: `K10${'b'.repeat(64)}::server:server-secret` };
    node.answers = [
      { status: 200, body: masterTicket },
      { status: 200, body: full },
    ];
    await run('starling-join.sh');
    const first = agentTokenOf(read(k3sConfig));
    await run('starling-join.sh');
    expect(first).toHaveLength(64);
    expect(agentTokenOf(read(k3sConfig))).toBe(first);
    expect(first).not.toContain('server-secret');
  });
});

describe('telling that a master is ready', () => {
  const CA = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  const CREDENTIAL = 'eyJ.long.credential';
  const kubectl = (body: string) => ({ STARLING_KUBECTL: recorder('kubectl', body), STARLING_MANIFEST: '/m.yaml' });
  const working = `[[ $* == *jsonpath* ]] && printf '${Buffer.from(CREDENTIAL).toString('base64')}' || true`;

  beforeEach(() => {
    node.instanceName = 'master0';
    environment('master');
    put('etc/starling/endpoint', 'https://demo.example:6443\n');
    put('var/lib/rancher/k3s/server/tls/server-ca.crt', CA);
  });

  test('sends endpoint, CA and credential under the attestation, and prints no secret', async () => {
    node.answers = [{ status: 503 }, { status: 204 }];
    const { status, output } = await run('starling-ready.sh', kubectl(working));
    expect(status).toBe(0);
    expect(node.posted.at(-1)?.path).toBe('/api/clusters/demo/ready');
    expect(JSON.parse(node.posted.at(-1)?.claims ?? '')).toEqual({
      cluster: 'demo',
      hostname: 'agents000003',
      instanceId: 'master0',
      bootId: BOOT_ID,
      endpoint: 'https://demo.example:6443',
      ca: CA,
      credential: CREDENTIAL,
    });
    expect(node.nonces.at(-1)).toBe(
      createHash('sha256')
        .update(node.posted.at(-1)?.claims ?? '')
        .digest('hex')
        .slice(0, 32),
    );
    expect(output).not.toContain(CREDENTIAL);
    expect(callsOf('kubectl').slice(0, 2)).toEqual(['get --raw /readyz', 'apply --filename /m.yaml']);
  });

  test('waits until the API answers and the credential is there', async () => {
    node.answers = [{ status: 204 }];
    const lateThen = `calls=$(wc -l <"$0.calls"); ((calls > 4)) || exit 1; ${working}`;
    expect(await run('starling-ready.sh', kubectl(lateThen))).toMatchObject({ status: 0 });
    expect(callsOf('kubectl').filter((call) => call === 'get --raw /readyz').length).toBeGreaterThan(3);
  });

  test('fails, to be started again, when the API does not come', async () => {
    const env = { ...kubectl('exit 1'), STARLING_READY_LIMIT_SECONDS: '0' };
    expect(await run('starling-ready.sh', env)).toMatchObject({ status: 1 });
    expect(node.posted).toEqual([]);
  });

  test('can be repeated', async () => {
    node.answers = [{ status: 204 }, { status: 409 }];
    expect(await run('starling-ready.sh', kubectl(working))).toMatchObject({ status: 0 });
    expect(await run('starling-ready.sh', kubectl(working))).toMatchObject({ status: 0 });
  });
});

describe('leaving', () => {
  const stopping = (state: string, job: string) =>
    recorder(
      'systemctl',
      `[[ $1 == is-system-running ]] && { echo ${state}; exit 1; }; echo "12 ${job} start waiting"`,
    );

  test('is told once when the machine powers off', async () => {
    stopping('stopping', 'poweroff.target');
    node.answers = [{ status: 202 }];
    expect(await run('starling-leave.sh')).toMatchObject({ status: 0 });
    expect(node.posted.map(({ path }) => path)).toEqual(['/api/clusters/demo/leave']);
    expect(JSON.parse(node.posted[0]?.claims ?? '')).toMatchObject({ instanceId: '3', bootId: BOOT_ID });
  });

  test.each([
    ['the machine reboots', 'stopping', 'reboot.target'],
    ['only the unit is stopped', 'running', 'starling-leave.service'],
  ])('is not told when %s', async (_name, state, job) => {
    stopping(state, job);
    expect(await run('starling-leave.sh')).toMatchObject({ status: 0 });
    expect(node.posted).toEqual([]);
  });

  test('does not hold up the power-off when Starling does not answer', async () => {
    stopping('stopping', 'poweroff.target');
    node.answers = ['drop'];
    expect(await run('starling-leave.sh')).toMatchObject({ status: 0 });
    expect(node.posted).toHaveLength(1);
  });
});

describe('installing the engine', () => {
  const pin = `STARLING_ENGINE_SHA256_${ARCHITECTURE.toUpperCase()}`;
  const install = (more: Record<string, string> = {}, version = '') => {
    environment('agent', { STARLING_ENGINE_SOURCE: `${node.url}/releases`, ...more });
    return run(`starling-install.sh ${version}`.trim());
  };
  let BINARY: string;
  let digest: string;

  beforeEach(() => {
    BINARY = offerRelease('v1.36.2+k3s1');
    digest = createHash('sha256').update(BINARY).digest('hex');
  });

  test('puts a checked, runnable binary in place', async () => {
    expect(await install()).toMatchObject({ status: 0 });
    expect(read('usr/local/bin/k3s')).toBe(BINARY);
    expect(modeOf('usr/local/bin/k3s')).toBe('755');
  });

  test('a second run fetches nothing', async () => {
    await install();
    node.files = {};
    const { status, output } = await install();
    expect(status).toBe(0);
    expect(output).toContain('is there');
  });

  test('a damaged binary is replaced', async () => {
    await install();
    put('usr/local/bin/k3s', 'damaged', 0o755);
    expect(await install()).toMatchObject({ status: 0 });
    expect(read('usr/local/bin/k3s')).toBe(BINARY);
  });

  test('the pin of the release beats the checksum beside the binary', async () => {
    expect(await install({ [pin]: 'f'.repeat(64) })).toMatchObject({ status: 1 });
    expect(existsSync(at('usr/local/bin/k3s'))).toBe(false);
    expect(await install({ [pin]: digest })).toMatchObject({ status: 0 });
  });

  test('a version that was asked for stays, whatever customData names', async () => {
    offerRelease('v1.37.0+k3s1');
    await install();
    expect(await install({ [pin]: digest }, 'v1.37.0+k3s1')).toMatchObject({ status: 0 });
    expect(read('usr/local/bin/k3s')).toContain('v1.37.0+k3s1');
    expect((await install({ [pin]: digest })).output).toContain('k3s v1.37.0+k3s1 is there');
  });

  test('a binary that does not fit its checksum never gets in place', async () => {
    node.files[`/releases/v1.36.2+k3s1/${BINARY_FILE}`] = 'something else';
    expect(await install()).toMatchObject({ status: 1 });
    expect(readdirSync(at('usr/local/bin'))).toEqual([]);
  });
});

describe('shutting pods off from the metadata service', () => {
  const record = () => recorder('nft', 'cat >>"$0.rules"');

  test('drops both addresses for what is forwarded, but lets names through', async () => {
    expect(await run('starling-block-imds.sh', { STARLING_NFT: record() })).toMatchObject({ status: 0 });
    const rules = read('bin/nft.rules');
    const forward = /chain forward \{([^]*?)\n {2}\}/.exec(rules)?.[1] ?? '';
    expect(forward).toMatch(
      /ip daddr 168\.63\.129\.16 .*dport 53 accept[^]*ip daddr \{ 169\.254\.169\.254, 168\.63\.129\.16 \} drop/,
    );
    expect(rules).toMatch(/hook output[^]*meta skuid 0 accept[^]*drop/);
  });

  test('lets the machine renew its address, which networkd does as a user of its own, and no pod do the same', async () => {
    await run('starling-block-imds.sh', { STARLING_NFT: record() });
    const [forward = '', output = ''] = read('bin/nft.rules').split('chain output');
    expect(output).toMatch(/ip daddr 168\.63\.129\.16 udp dport 67 accept[^]*drop/);
    expect(forward).not.toContain('dport 67');
  });

  test('replaces its own table, so that a second run changes nothing', async () => {
    await run('starling-block-imds.sh', { STARLING_NFT: record() });
    const once = read('bin/nft.rules');
    await run('starling-block-imds.sh', { STARLING_NFT: at('bin/nft') });
    expect(read('bin/nft.rules')).toBe(once + once);
    expect(once).toMatch(/^table inet starling\ndelete table inet starling\ntable inet starling \{/);
  });

  test('falls back to iptables, without doubling its hooks', async () => {
    const iptables = recorder('iptables', '[[ $* != *"-N "* ]]');
    await run('starling-block-imds.sh', { STARLING_NFT: 'no-such-nft', STARLING_IPTABLES: iptables });
    const calls = callsOf('iptables');
    expect(calls).toContain('--wait -t mangle -A STARLING-FORWARD -d 169.254.169.254 -j DROP');
    expect(calls.filter((call) => call.includes('-I FORWARD') || call.includes('-I OUTPUT'))).toEqual([]);
  });

  test('fails, and with it the engine’s start, when there is no way to do it', async () => {
    const env = { STARLING_NFT: 'no-such-nft', STARLING_IPTABLES: 'no-such-iptables' };
    expect(await run('starling-block-imds.sh', env)).toMatchObject({ status: 1 });
  });
});
