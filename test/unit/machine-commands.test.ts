import { agentSpec, createLab, masterSpec, without, type Lab } from './machine-fixture';

/** Scripts that run through the VM's agent, and shares, on simulated machines. */

const FQDN = 'blue-master0.example';
const LIBRARY = '/usr/local/lib/starling';
const STORAGE = { account: 'stdemo', key: 'c2VjcmV0LWtleQ==', shares: ['data', 'config'], mountAt: '/srv' };
let lab: Lab;

const isReady = (name: string): boolean => lab.nodes().some((node) => node.name === name && node.ready === 'True');
const run = (spec: { vmId: string }, command: string) => lab.machines.runCommand(spec.vmId, [command]);

interface Node {
  metadata: { name: string };
  status: { nodeInfo: { kubeletVersion: string; bootID: string } };
}

function nodeInfo(name: string): Node['status']['nodeInfo'] | undefined {
  const { body } = getNodes(lab.k3s.identityOf(FQDN)?.credential ?? '');
  return (body as { items?: Node[] } | undefined)?.items?.find(({ metadata }) => metadata.name === name)?.status
    .nodeInfo;
}

const getNodes = (credential: string) =>
  lab.k3s.handle(FQDN, {
    method: 'GET',
    url: new URL('https://master/api/v1/nodes'),
    headers: { authorization: `Bearer ${credential}` },
    body: '',
  });

async function bootMaster(spec = masterSpec()): Promise<void> {
  lab.machines.boot(spec);
  await lab.until(() => lab.callsOf('ready').length > 0 && isReady('master0'));
}

beforeEach(() => {
  lab = createLab();
});

describe('an upgrade', () => {
  it('restarts the engine with the new version and takes as long as that takes', async () => {
    await bootMaster();
    const { stdout } = await run(masterSpec(), `${LIBRARY}/starling-upgrade.sh v1.37.0+k3s1`);
    expect(stdout).toMatch(/starling-upgrade: done v1\.37\.0\+k3s1\n$/);
    expect(lab.k3s.tlsContextFor(FQDN)).toBeUndefined();
    await lab.until(() => isReady('master0') && nodeInfo('master0')?.kubeletVersion === 'v1.37.0+k3s1');
  });

  it('keeps the version over a reboot, which is told by another boot id', async () => {
    await bootMaster();
    await run(masterSpec(), `${LIBRARY}/starling-upgrade.sh v1.37.0+k3s1`);
    await lab.until(() => nodeInfo('master0')?.kubeletVersion === 'v1.37.0+k3s1');
    const before = nodeInfo('master0')?.bootID;
    lab.machines.shutdown(masterSpec().vmId, true, true);
    lab.machines.boot(masterSpec());
    lab.next.push(Response.json({ code: 'ALREADY_JOINED' }, { status: 409 }));
    await lab.until(() => isReady('master0') && nodeInfo('master0')?.bootID !== before);
    expect(nodeInfo('master0')?.kubeletVersion).toBe('v1.37.0+k3s1');
  });

  it.each(['', 'latest', 'v1.2'])('to %j is refused', async (version) => {
    await bootMaster();
    const { stdout, stderr } = await run(masterSpec(), `${LIBRARY}/starling-upgrade.sh ${version}`);
    expect([stdout, stderr]).toEqual(['', expect.stringContaining('not a version')]);
  });

  it('cannot be done by a machine whose customData brings no script for it', async () => {
    await bootMaster(without('starling-upgrade.sh', masterSpec()));
    const { stderr } = await run(masterSpec(), `${LIBRARY}/starling-upgrade.sh v1.37.0+k3s1`);
    expect(stderr).toContain('No such file');
    expect(nodeInfo('master0')?.kubeletVersion).toBe('v1.36.2+k3s1');
  });
});

describe('a rotation', () => {
  it('reports a new credential, and the old one is worthless', async () => {
    await bootMaster();
    const old = lab.k3s.identityOf(FQDN)?.credential ?? '';
    const { stdout, stderr } = await run(masterSpec(), `${LIBRARY}/starling-rotate.sh`);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/starling-rotate: done\n$/), '']);
    const told = lab.callsOf('ready').at(-1)?.claims.credential ?? '';
    expect(told).not.toBe(old);
    expect([getNodes(old).status, getNodes(told).status]).toEqual([401, 200]);
    expect(stdout).not.toContain(told);
  });

  it('is not done while Starling does not answer, and is reported later all the same', async () => {
    await bootMaster();
    const before = lab.callsOf('ready').length;
    lab.next.push('network');
    expect((await run(masterSpec(), `${LIBRARY}/starling-rotate.sh`)).stdout).toBe('');
    await lab.until(() => lab.callsOf('ready').length === before + 2);
    expect(getNodes(lab.callsOf('ready').at(-1)?.claims.credential ?? '').status).toBe(200);
  });

  it('cannot be done without its script, nor by an agent', async () => {
    await bootMaster(without('starling-rotate.sh', masterSpec()));
    expect((await run(masterSpec(), `${LIBRARY}/starling-rotate.sh`)).stderr).toContain('No such file');
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady('agent-3'));
    expect((await run(agentSpec(3), `${LIBRARY}/starling-rotate.sh`)).stderr).toContain('No such file');
  });
});

describe('a snapshot of etcd', () => {
  it('is kept under its name on a master', async () => {
    await bootMaster();
    const { stdout } = await run(masterSpec(), `timeout 840 ${LIBRARY}/starling-snapshot.sh before-v1.37.0+k3s1`);
    expect(stdout).toMatch(
      /Snapshot before-v1\.37\.0\+k3s1-master0-\d+ saved[^]*\nstarling-snapshot: done before-v1\.37\.0\+k3s1\n$/,
    );
    expect(lab.inventory.state(masterSpec().vmId)?.disk.snapshots).toHaveLength(1);
  });

  it.each(['', '-rf'])('cannot be called %j', async (name) => {
    await bootMaster();
    expect((await run(masterSpec(), `${LIBRARY}/starling-snapshot.sh ${name}`)).stderr).toContain('not a name');
  });

  it('is not made while the engine does not run', async () => {
    await bootMaster();
    lab.k3s.stopServer(FQDN);
    expect((await run(masterSpec(), `${LIBRARY}/starling-snapshot.sh x`)).stdout).toBe('');
  });

  it('is nothing that an agent could make', async () => {
    await bootMaster();
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady('agent-3'));
    expect(await run(agentSpec(3), `${LIBRARY}/starling-snapshot.sh x`)).toEqual({
      stdout: '',
      stderr: expect.stringContaining('No such file'),
    });
  });
});

describe('shares', () => {
  const mounts = () => lab.inventory.state(agentSpec(3).vmId)?.disk.mounts;
  const agentWith = async (storage?: typeof STORAGE, spec = agentSpec(3)): Promise<void> => {
    await bootMaster();
    lab.ticket = ((usual) => (claims) => ({ ...usual(claims), ...(storage && { storage }) }))(lab.ticket);
    lab.machines.boot(spec);
    await lab.until(() => isReady('agent-3'));
  };
  const asked = () => lab.callsOf('storage').filter(({ claims }) => claims.instanceId === '3').length;

  it('are mounted with what the ticket brings, whose key is kept nowhere', async () => {
    await agentWith(STORAGE);
    expect([mounts(), asked()]).toEqual([['/srv/data', '/srv/config'], 0]);
    expect(JSON.stringify(lab.inventory.state(agentSpec(3).vmId))).not.toContain(STORAGE.key);
  });

  it('are asked for when the ticket brings none, until there is an answer', async () => {
    await agentWith();
    await lab.until(() => asked() > 0);
    expect(mounts()).toEqual([]);
  });

  it('are asked for again at the next boot, when the key may be another', async () => {
    await agentWith(STORAGE);
    lab.machines.shutdown(agentSpec(3).vmId, true, true);
    lab.machines.boot(agentSpec(3));
    lab.next.push(new Response('', { status: 409 }), 'network', Response.json({ storage: STORAGE }));
    await lab.until(() => asked() === 2);
    expect(mounts()).toEqual(['/srv/data', '/srv/config']);
  });

  it('are left alone by a machine without the unit', async () => {
    await agentWith(STORAGE, without('starling-storage.service', agentSpec(3)));
    await lab.clock.advance(60_000);
    expect([mounts(), asked()]).toEqual([undefined, 0]);
  });
});
