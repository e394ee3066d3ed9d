import { X509Certificate } from 'node:crypto';
import { virtualClock } from '../../local/clock';
import type { Ticket } from '../../local/vm/machine-state';
import {
  agentSpec,
  createLab,
  masterSpec as anyMaster,
  ofSwarm,
  scheduledEvent,
  type AppCall,
  type Lab,
} from './machine-fixture';

/** Simulated machines on which Docker Swarm runs. */

const FQDN = 'blue-master0.example';
const LIBRARY = '/usr/local/lib/starling';
const CERTIFICATE_LIFE_MS = 90 * 86_400_000;
const MASTER = ofSwarm(anyMaster());
const AGENT = ofSwarm(agentSpec(3));
let lab: Lab;
/** What Starling keeps of master0's last report. */
let credential = '';

interface Node {
  ID: string;
  Spec: { Role: string; Availability: string };
  Description: { Hostname: string; Engine: { EngineVersion: string } };
  Status: { State: string; Addr: string };
}

function ask<T>(path: string, { method = 'GET', body = '', key = credential } = {}): { status: number; body: T } {
  const url = new URL(`https://${FQDN}:2376${path}`);
  const certificate = key ? new X509Certificate(key).raw : undefined;
  const answer = lab.swarm.handle(FQDN, certificate, { method, url, headers: {}, body });
  const text = typeof answer.body === 'string' ? (JSON.parse(answer.body) as T) : (answer.body as T);
  return { status: answer.status, body: text };
}

/** Empty while no manager answers. */
function nodes(): Node[] {
  const { status, body } = ask<Node[]>('/nodes');
  return status === 200 ? body : [];
}
const nodeOf = (hostname: string): Node | undefined =>
  nodes().find(({ Description, Status }) => Description.Hostname === hostname && Status.State === 'ready');
const tokens = (): { Worker: string; Manager: string } =>
  ask<{ JoinTokens: { Worker: string; Manager: string } }>('/swarm').body.JoinTokens;
const idOf = (vmId: string): string => lab.swarm.info(vmId).nodeId;
const phaseOf = (vmId: string) => lab.machines.list().find((machine) => machine.vmId === vmId)?.phase;
const callsOf = (route: string, instanceId: string): AppCall[] =>
  lab.callsOf(route).filter(({ claims }) => claims.instanceId === instanceId);
const run = (spec: { vmId: string }, command: string) => lab.machines.runCommand(spec.vmId, [command]);
const journalOf = async (spec: { vmId: string }): Promise<string> =>
  (await run(spec, 'journalctl -u docker -n 50')).stdout;

function ticketOf({ instanceId }: AppCall['claims']): Ticket {
  const isMaster = instanceId.startsWith('master');
  const initialise = instanceId === 'master0';
  return {
    engine: 'swarm',
    role: isMaster ? 'master' : 'agent',
    nodeName: isMaster ? instanceId : `agent-${instanceId}`,
    token: initialise ? '' : tokens()[isMaster ? 'Manager' : 'Worker'],
    servers: initialise ? [] : ['10.0.0.4:2377'],
    version: '29.7.2',
    labels: {},
    ...(isMaster && { initialise, tlsSans: [`blue-${instanceId}.example`] }),
  };
}

function newLab(...from: Parameters<typeof createLab>): void {
  lab = createLab(...from);
  lab.ticket = ticketOf;
}

/** Until it has told which node it is, in the boot that begins now. */
async function boot(spec = AGENT): Promise<string> {
  const reports = (): AppCall[] => callsOf('ready', spec.scaleSet?.instanceId ?? spec.name);
  const before = reports().length;
  lab.machines.boot(spec);
  await lab.until(() => reports().length > before);
  const { nodeId = '', credential: key } = reports().at(-1)?.claims ?? {};
  if (spec === MASTER) credential = key ?? '';
  return nodeId;
}

/** As long after the boot as no repeat of anything would come later. */
const rest = (): Promise<void> => lab.clock.advance(120_000);

beforeEach(async () => {
  newLab();
  await boot(MASTER);
});

describe('a machine of a swarm', () => {
  it('begins the swarm as master0: drained, at its private address, with networks clear of the cluster', () => {
    expect(nodes()).toMatchObject([
      { Spec: { Role: 'manager', Availability: 'drain' }, Status: { State: 'ready', Addr: '10.0.0.4' } },
    ]);
    expect(ask('/swarm').body).toMatchObject({
      DefaultAddrPool: ['10.128.0.0/9'],
      SubnetSize: 24,
      Spec: { Orchestration: { TaskHistoryRetentionLimit: 2 } },
    });
  });

  it('reports as a master who it is, where its API is, and a client certificate', () => {
    expect(callsOf('ready', 'master0')[0]?.claims).toMatchObject({
      endpoint: `https://${FQDN}:2376`,
      ca: expect.stringContaining('BEGIN CERTIFICATE'),
      credential: expect.stringMatching(/^-----BEGIN CERTIFICATE-----[^]+-----BEGIN (EC )?PRIVATE KEY-----/),
      nodeId: idOf(MASTER.vmId),
    });
    expect(ask('/nodes', { key: '' }).status).not.toBe(200);
  });

  it('joins as an agent, drained, and reports which node it is, and nothing else', async () => {
    const nodeId = await boot();
    expect(nodeOf('agents000003')).toMatchObject({
      ID: nodeId,
      Spec: { Role: 'worker', Availability: 'drain' },
      Description: { Engine: { EngineVersion: '29.7.2' } },
    });
    const { cluster, hostname, instanceId, bootId, ...told } = callsOf('ready', '3')[0]?.claims ?? {};
    expect([cluster, hostname, instanceId, bootId?.length, told]).toEqual([
      'blue',
      'agents000003',
      '3',
      36,
      { nodeId },
    ]);
    expect(await journalOf(AGENT)).toContain(`node ${nodeId} is a member of the swarm`);
  });

  it('joins as a further master with the token of managers', async () => {
    await boot(ofSwarm(anyMaster(1)));
    expect(nodeOf('master1')?.Spec).toMatchObject({ Role: 'manager', Availability: 'drain' });
    expect(callsOf('ready', 'master1')[0]?.claims.endpoint).toBe('https://blue-master1.example:2376');
  });

  it('joins through the first master that answers', async () => {
    lab.ticket = (claims) => ({ ...ticketOf(claims), servers: ['10.0.0.9:2377', '10.0.0.4:2377'] });
    await boot();
    expect(nodes()).toHaveLength(2);
  });

  it('waits for a master that is away, and joins once it is there', async () => {
    const { token } = ticketOf({ cluster: '', hostname: '', bootId: '', instanceId: '3' });
    lab.ticket = (claims) => ({ ...ticketOf({ ...claims, instanceId: 'master0' }), ...agentTicket(token) });
    lab.machines.shutdown(MASTER.vmId, false);
    lab.machines.boot(AGENT);
    await lab.until(() => lab.swarm.info(AGENT.vmId).state === 'pending');
    await rest();
    lab.machines.boot(MASTER);
    await lab.until(() => nodeOf('agents000003') !== undefined);
  });

  const agentTicket = (token: string): Partial<Ticket> => ({
    role: 'agent',
    token,
    nodeName: 'agent-3',
    servers: ['10.0.0.4:2377'],
    initialise: undefined,
    tlsSans: undefined,
  });

  it('asks for another ticket when its token was changed meanwhile', async () => {
    const stale = tokens();
    lab.ticket = (claims) => {
      lab.ticket = ticketOf;
      return { ...ticketOf(claims), token: stale.Worker };
    };
    const { Version, Spec } = ask<{ Version: { Index: number }; Spec: object }>('/swarm').body;
    const path = `/swarm/update?version=${Version.Index}&rotateWorkerToken=true`;
    expect(ask(path, { method: 'POST', body: JSON.stringify(Spec) }).status).toBe(200);
    await boot();
    expect(callsOf('join', '3')).toHaveLength(2);
    expect(nodes()).toHaveLength(2);
  });

  it.each<[string, Partial<Ticket>]>([
    ['without a token', { token: '' }],
    ['with a token of k3s', { token: 'K10abc::server:x' }],
    ['without servers', { servers: [] }],
    ['with a URL for a server', { servers: ['https://10.0.0.4:6443'] }],
  ])('starts nothing with a ticket %s, and asks again', async (_, wrong) => {
    lab.ticket = (claims) => ({ ...ticketOf(claims), ...wrong });
    lab.machines.boot(AGENT);
    await lab.until(() => callsOf('join', '3').length > 1);
    expect([phaseOf(AGENT.vmId), nodes()]).toEqual(['cloud-init', [expect.anything()]]);
  });

  it('is the same node after a reboot, and says so in every boot, though it gets no ticket', async () => {
    const nodeId = await boot();
    lab.machines.shutdown(AGENT.vmId, true, true);
    lab.next.push(Response.json({ code: 'ALREADY_JOINED' }, { status: 409 }));
    expect(await boot()).toBe(nodeId);
    await rest();
    expect(new Set(callsOf('ready', '3').map(({ claims }) => claims.bootId)).size).toBe(2);
    expect(callsOf('join', '3').map(({ claims }) => claims.rejoin)).toEqual([undefined, undefined]);
    expect(nodes()).toHaveLength(2);
  });

  it('is another node after a reimage, and the old one stays in the list, down', async () => {
    const before = await boot();
    lab.machines.wipe(AGENT.vmId);
    const after = await boot();
    await rest();
    const states = nodes().filter(({ Description }) => Description.Hostname === 'agents000003');
    expect(states.map(({ ID, Status }) => [ID, Status.State]).sort()).toEqual(
      [
        [before, 'down'],
        [after, 'ready'],
      ].sort(),
    );
  });

  it('brings the swarm back when its only master boots again', async () => {
    await boot();
    lab.machines.shutdown(MASTER.vmId, false);
    expect(lab.swarm.tlsContextFor(FQDN)).toBeUndefined();
    await rest();
    await boot(MASTER);
    await lab.until(() => nodeOf('master0') !== undefined && nodeOf('agents000003') !== undefined);
  });

  it('goes on from its store after the simulator was killed in the middle of a join', async () => {
    lab.machines.boot(AGENT);
    await lab.until(() => phaseOf(AGENT.vmId) === 'starting the engine');
    lab.scheduler.stop();
    newLab(lab.store, virtualClock(lab.clock.now()));
    await lab.until(() => nodeOf('agents000003') !== undefined);
    expect(lab.callsOf('join')).toEqual([]);
  });
});

describe('a membership that is worth nothing any more', () => {
  it('is given up by a machine that was parked for longer than its certificate lives, which joins anew', async () => {
    const before = await boot();
    lab.machines.shutdown(AGENT.vmId, true);
    await lab.clock.advance(CERTIFICATE_LIFE_MS + 86_400_000);
    const after = await boot();
    expect(after).not.toBe(before);
    expect(callsOf('join', '3').at(-1)?.claims.rejoin).toBe(true);
    expect(nodeOf('agents000003')?.ID).toBe(after);
  });

  it('is not supposed by one that was parked for half of that time', async () => {
    const before = await boot();
    lab.machines.shutdown(AGENT.vmId, true);
    await lab.clock.advance(CERTIFICATE_LIFE_MS / 2);
    lab.next.push(Response.json({ code: 'ALREADY_JOINED' }, { status: 409 }));
    expect(await boot()).toBe(before);
  });

  it('is found out at the next boot of a machine that was removed from the swarm', async () => {
    const before = await boot();
    expect(ask(`/nodes/${before}?force=true`, { method: 'DELETE' }).status).toBe(200);
    lab.machines.shutdown(AGENT.vmId, false);
    const after = await boot();
    expect(after).not.toBe(before);
    expect(callsOf('join', '3').at(-1)?.claims.rejoin).toBe(true);
  });

  it('is said to be so again when the token for the new one is stale', async () => {
    const before = await boot();
    ask(`/nodes/${before}?force=true`, { method: 'DELETE' });
    lab.machines.shutdown(AGENT.vmId, false);
    const stale = `${tokens().Worker.slice(0, -25)}${'0'.repeat(25)}`;
    lab.ticket = (claims) => {
      lab.ticket = ticketOf;
      return { ...ticketOf(claims), token: stale };
    };
    await boot();
    const rejoins = callsOf('join', '3').map(({ claims }) => claims.rejoin);
    expect(rejoins.slice(-2)).toEqual([true, true]);
    expect(nodes()).toHaveLength(2);
  });

  it('is kept while Starling takes the machine for a member, which is asked again', async () => {
    const before = await boot();
    ask(`/nodes/${before}?force=true`, { method: 'DELETE' });
    lab.machines.shutdown(AGENT.vmId, false);
    lab.machines.boot(AGENT);
    const refuse = (): unknown => lab.next.push(Response.json({ code: 'ALREADY_JOINED' }, { status: 409 }));
    refuse();
    await lab.until(() => lab.next.length === 0);
    refuse();
    await lab.until(() => lab.next.length === 0);
    await lab.until(() => nodeOf('agents000003') !== undefined);
    const [second, third] = callsOf('join', '3')
      .filter(({ claims }) => claims.rejoin)
      .slice(-2);
    expect((third?.at ?? 0) - (second?.at ?? 0)).toBeGreaterThanOrEqual(29_000);
  });
});

describe('going down', () => {
  it.each(['Preempt', 'Terminate'] as const)('before its %s takes leave and stops Docker', async (EventType) => {
    await boot();
    lab.machines.announce(AGENT.vmId, scheduledEvent({ EventId: 'e-own', EventType }));
    await lab.clock.advance(30_000);
    expect([lab.acknowledged, callsOf('leave', '3').length]).toEqual([['e-own'], 1]);
    expect(nodeOf('agents000003')).toBeUndefined();
    expect(lab.swarm.info(AGENT.vmId).state).toBe('inactive');
  });

  it.each([
    ['is told when the machine is to stay off', false, 1],
    ['is not told when the machine comes back', true, 0],
  ])('%s', async (_, comesBack, times) => {
    await boot();
    lab.machines.shutdown(AGENT.vmId, true, comesBack);
    await lab.clock.advance(3_000);
    expect(callsOf('leave', '3')).toHaveLength(times);
  });

  it('by a crash or a hang is found out after a quarter of a minute', async () => {
    await boot();
    lab.machines.hang(AGENT.vmId);
    await lab.clock.advance(14_000);
    expect(nodeOf('agents000003')).toBeDefined();
    await lab.clock.advance(2_000);
    expect(nodeOf('agents000003')).toBeUndefined();
  });

  it('for ever forgets the disk, and with that of the last master the swarm', async () => {
    const [before] = nodes();
    lab.machines.destroy(MASTER.vmId);
    expect(lab.swarm.info(MASTER.vmId)).toMatchObject({ state: 'inactive', nodeId: '' });
    await boot(MASTER);
    await lab.until(() => idOf(MASTER.vmId) !== '' && idOf(MASTER.vmId) !== before?.ID);
  });
});

describe('a script of a master', () => {
  it('for an upgrade restarts Docker in the new version, and the node is the same', async () => {
    const nodeId = await boot();
    const { stdout } = await run(AGENT, `timeout 840 ${LIBRARY}/starling-upgrade.sh 29.8.0`);
    expect(stdout).toMatch(/starling-upgrade: done 29\.8\.0\n$/);
    expect(lab.swarm.info(AGENT.vmId).state).toBe('inactive');
    await lab.until(() => nodeOf('agents000003')?.Description.Engine.EngineVersion === '29.8.0');
    expect(idOf(AGENT.vmId)).toBe(nodeId);
  });

  it.each(['', 'latest', 'v1.36.2+k3s1', '29.7'])('for an upgrade to %j is refused', async (version) => {
    const { stdout, stderr } = await run(MASTER, `${LIBRARY}/starling-upgrade.sh ${version}`);
    expect([stdout, stderr]).toEqual(['', expect.stringContaining('29.7.2')]);
  });

  it('for a rotation reports a new certificate, and the old one is worthless', async () => {
    const { stdout } = await run(MASTER, `${LIBRARY}/starling-rotate.sh`);
    expect(stdout).toMatch(/starling-rotate: done\n$/);
    const told = callsOf('ready', 'master0').at(-1)?.claims.credential ?? '';
    expect(told).not.toBe(credential);
    expect(stdout).not.toContain(told);
    expect(ask('/nodes', { key: told }).status).toBe(200);
    expect(() => {
      if (ask('/nodes').status !== 200) throw new Error('refused');
    }).toThrow();
  });

  it('for a snapshot keeps it, and an agent has none', async () => {
    const { stdout } = await run(MASTER, `${LIBRARY}/starling-snapshot.sh before-29.8.0`);
    expect(stdout).toMatch(/starling-snapshot: done before-29\.8\.0\n$/);
    expect(lab.inventory.state(MASTER.vmId)?.disk.snapshots).toHaveLength(1);
    await boot();
    expect((await run(AGENT, `${LIBRARY}/starling-snapshot.sh x`)).stderr).toContain('No such file');
  });
});

it('is cheap: 300 agents join one swarm, each with one ticket', async () => {
  for (let id = 10; id < 310; id += 1) lab.machines.boot(ofSwarm(agentSpec(id)));
  await lab.until(() => lab.callsOf('ready').length === 301, 600);
  expect(lab.callsOf('join')).toHaveLength(301);
});
