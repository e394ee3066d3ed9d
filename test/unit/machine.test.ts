import { virtualClock } from '../../local/clock';
import { agentSpec, createLab, masterSpec, scheduledEvent, without, type Lab } from './machine-fixture';

describe('a simulated machine', () => {
  const phaseOf = (lab: Lab, vmId: string): string | undefined =>
    lab.machines.list().find((machine) => machine.vmId === vmId)?.phase;
  const isReady = (lab: Lab, name: string): boolean =>
    lab.nodes().some((node) => node.name === name && node.ready === 'True');
  const withMaster = async (lab: Lab = createLab()): Promise<Lab> => {
    lab.machines.boot(masterSpec());
    await lab.until(() => lab.callsOf('ready').length > 0 && isReady(lab, 'master0'));
    return lab;
  };
  const withAgent = async (id = 3, lab?: Lab): Promise<Lab> => {
    const world = lab ?? (await withMaster());
    world.machines.boot(agentSpec(id));
    await world.until(() => isReady(world, `agent-${id}`));
    return world;
  };

  it('proves who it is, bound to what it claims, and joins with its ticket', async () => {
    const lab = await withAgent();
    const call = lab.callsOf('join').find(({ claims }) => claims.instanceId === '3');
    expect(call?.claims).toMatchObject({ cluster: 'blue', hostname: 'agents000003', instanceId: '3' });
    expect(call?.nonces[0]).toBe(call?.nonces[1]);
    expect(phaseOf(lab, agentSpec(3).vmId)).toBe('running');
  });

  it('takes between 8 and 25 simulated seconds until its kernel is up', async () => {
    const lab = createLab();
    lab.machines.boot(agentSpec(3));
    await lab.clock.advance(7_900);
    expect(lab.machines.list()).toMatchObject([{ power: 'booting' }]);
    await lab.clock.advance(17_200);
    expect(lab.machines.list()).toMatchObject([{ power: 'up' }]);
  });

  it('reports a master with endpoint, CA and credential once its API serves', async () => {
    const lab = await withMaster();
    const claims = lab.callsOf('ready')[0]?.claims;
    expect(claims).toMatchObject({ instanceId: 'master0', endpoint: 'https://blue-master0.example:6443' });
    expect(claims?.ca).toContain('BEGIN CERTIFICATE');
    expect(claims?.credential).toBe(lab.k3s.identityOf('blue-master0.example')?.credential);
  });

  it('makes the cluster with the pod network that the script of its customData asks for', async () => {
    const lab = await withMaster();
    expect(lab.nodes()).toMatchObject([{ name: 'master0', podCidr: '10.128.0.0/24' }]);
  });

  it('lets a second master join the first', async () => {
    const lab = await withMaster();
    lab.machines.boot(masterSpec(1));
    await lab.until(() => isReady(lab, 'master1'));
    await lab.until(() => lab.callsOf('ready').some(({ claims }) => claims.instanceId === 'master1'));
  });

  it('waits as long as the app asks before it asks again', async () => {
    const lab = await withMaster();
    lab.next.push(new Response('', { status: 503, headers: { 'retry-after': '40' } }));
    await withAgent(3, lab);
    const [first, second] = lab.callsOf('join').filter(({ claims }) => claims.instanceId === '3');
    const waitedMs = (second?.at ?? 0) - (first?.at ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(40_000);
    expect(waitedMs).toBeLessThanOrEqual(50_000);
  });

  it('retries without an answer, ever more slowly', async () => {
    const lab = await withMaster();
    lab.next.push(...Array<'network'>(8).fill('network'));
    await withAgent(3, lab);
    const times = lab
      .callsOf('join')
      .filter(({ claims }) => claims.instanceId === '3')
      .map(({ at }) => at);
    expect(times).toHaveLength(9);
    const [shortest, longest] = [(times[1] ?? 0) - (times[0] ?? 0), (times[8] ?? 0) - (times[7] ?? 0)];
    expect(shortest).toBeLessThanOrEqual(1_000);
    expect(longest).toBeGreaterThanOrEqual(15_000);
    expect(longest).toBeLessThanOrEqual(30_000);
  });

  it('asks no more after a refusal, until it boots again', async () => {
    const lab = await withMaster();
    const { vmId } = agentSpec(3);
    lab.next.push(Response.json({ code: 'ATTESTATION_INVALID' }, { status: 403 }));
    lab.machines.boot(agentSpec(3));
    await lab.until(() => phaseOf(lab, vmId) === 'refused: ATTESTATION_INVALID');
    const asked = lab.callsOf('join').length;
    await lab.clock.advance(3_600_000);
    expect(lab.callsOf('join')).toHaveLength(asked);
    lab.machines.shutdown(vmId, false);
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady(lab, 'agent-3'));
  });

  it('comes back after a reboot with what is on its disk, though the app is away', async () => {
    const lab = await withAgent();
    const { vmId } = agentSpec(3);
    const bootIds = (): string[] =>
      lab
        .callsOf('join')
        .filter(({ claims }) => claims.instanceId === '3')
        .map(({ claims }) => claims.bootId);
    lab.next.push(...Array<'network'>(40).fill('network'));
    lab.machines.shutdown(vmId, false);
    await lab.until(() => !isReady(lab, 'agent-3'));
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady(lab, 'agent-3'));
    expect(new Set(bootIds()).size).toBe(2);
  });

  it('is refused by k3s under its old name after a reimage, until the node is deleted', async () => {
    const lab = await withAgent();
    const { vmId } = agentSpec(3);
    lab.machines.wipe(vmId);
    lab.machines.boot(agentSpec(3));
    await lab.until(() => phaseOf(lab, vmId) === 'the engine does not start');
    const journal = (await lab.machines.runCommand(vmId, ['journalctl -u k3s-agent -n 20'])).stdout;
    expect(journal).toContain('Node password rejected');
    lab.ticket = ((usual) => (claims) => ({ ...usual(claims), nodeName: 'agent-3-2' }))(lab.ticket);
    lab.machines.wipe(vmId);
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady(lab, 'agent-3-2'));
  });

  it('tells the app when it is shut down gracefully, and its node is not ready at once', async () => {
    const lab = await withAgent();
    lab.machines.shutdown(agentSpec(3).vmId, true);
    await lab.clock.advance(3_000);
    expect(lab.callsOf('leave')).toMatchObject([{ claims: { instanceId: '3' } }]);
    expect(isReady(lab, 'agent-3')).toBe(false);
    expect(lab.machines.list()).toContainEqual(expect.objectContaining({ name: 'agents_3', power: 'off' }));
  });

  it('does not take leave when it is only to reboot', async () => {
    const lab = await withAgent();
    lab.machines.shutdown(agentSpec(3).vmId, true, true);
    await lab.clock.advance(3_000);
    expect(lab.callsOf('leave')).toEqual([]);
    lab.machines.boot(agentSpec(3));
    await lab.until(() => isReady(lab, 'agent-3'));
  });

  it('says nothing when it crashes or hangs, and its node is found out after 40 seconds', async () => {
    const lab = await withAgent(3, await withAgent(4));
    lab.machines.shutdown(agentSpec(3).vmId, false);
    lab.machines.hang(agentSpec(4).vmId);
    await lab.clock.advance(39_000);
    expect([isReady(lab, 'agent-3'), isReady(lab, 'agent-4')]).toEqual([true, true]);
    await lab.clock.advance(2_000);
    expect([isReady(lab, 'agent-3'), isReady(lab, 'agent-4')]).toEqual([false, false]);
    expect(lab.callsOf('leave')).toEqual([]);
    await expect(lab.machines.runCommand(agentSpec(4).vmId, ['journalctl -u k3s'])).rejects.toThrow(/does not answer/);
  });

  it('hears of no event when its customData brings nothing that watches', async () => {
    const lab = await withMaster();
    const { vmId } = agentSpec(3);
    lab.machines.boot(without('starling-events.service', agentSpec(3)));
    await lab.until(() => isReady(lab, 'agent-3'));
    expect(lab.machines.hearsEvents(vmId)).toBe(false);
    lab.machines.announce(vmId, scheduledEvent({ EventType: 'Terminate' }));
    await lab.clock.advance(600_000);
    expect([lab.callsOf('leave'), lab.acknowledged, isReady(lab, 'agent-3')]).toEqual([[], [], true]);
  });

  it('takes the API with it when a master dies, and brings the cluster back when it boots', async () => {
    const lab = await withAgent();
    const master = masterSpec();
    lab.machines.shutdown(master.vmId, false);
    expect(lab.k3s.tlsContextFor('blue-master0.example')).toBeUndefined();
    lab.machines.boot(master);
    await lab.until(() => isReady(lab, 'master0') && isReady(lab, 'agent-3'));
    expect(lab.callsOf('ready').length).toBeGreaterThan(1);
  });

  it('forgets the cluster with the disk of its last master', async () => {
    const lab = await withMaster();
    const before = lab.k3s.identityOf('blue-master0.example')?.ca;
    lab.machines.destroy(masterSpec().vmId);
    expect(lab.machines.list()).toEqual([]);
    await withMaster(lab);
    await lab.until(() => lab.callsOf('ready').length > 1);
    expect(lab.k3s.identityOf('blue-master0.example')?.ca).not.toBe(before);
  });

  it.each([
    ['never-boots', 'booting'],
    ['never-joins', 'up'],
  ])('can be made to fail: %s', async (kind, power) => {
    const lab = await withMaster();
    await lab.machines.control({
      method: 'POST',
      url: new URL('http://127.0.0.1/_local/boot-failures'),
      headers: {},
      body: JSON.stringify({ count: 1, kind }),
    });
    lab.machines.boot(agentSpec(3));
    lab.machines.boot(agentSpec(4));
    await lab.until(() => isReady(lab, 'agent-4'));
    await lab.clock.advance(600_000);
    expect(lab.machines.list()).toContainEqual(expect.objectContaining({ name: 'agents_3', power }));
    expect(lab.nodes().map(({ name }) => name)).toEqual(['agent-4', 'master0']);
  });

  it('starts nothing with a ticket that makes no sense, and asks again', async () => {
    const lab = await withMaster();
    const usual = lab.ticket;
    lab.ticket = (claims) => ({ ...usual(claims), servers: ['not a url'] });
    lab.machines.boot(agentSpec(3));
    await lab.until(() => lab.callsOf('join').some(({ claims }) => claims.instanceId === '3'));
    await lab.clock.advance(20_000);
    expect(phaseOf(lab, agentSpec(3).vmId)).toBe('cloud-init');
    lab.ticket = usual;
    await lab.until(() => isReady(lab, 'agent-3'));
  });

  it('bears every call twice', async () => {
    const lab = await withAgent();
    const { vmId } = agentSpec(3);
    lab.machines.boot(agentSpec(3));
    expect(isReady(lab, 'agent-3')).toBe(true);
    for (const call of [
      () => lab.machines.shutdown(vmId, true),
      () => lab.machines.wipe(vmId),
      () => lab.machines.destroy(vmId),
    ]) {
      call();
      call();
    }
    lab.machines.hang(vmId);
    expect(lab.machines.list().map(({ name }) => name)).toEqual(['master0']);
  });

  it('goes on from its store after the simulator was killed in the middle of a join', async () => {
    const first = await withMaster();
    first.machines.boot(agentSpec(3));
    await first.until(() => phaseOf(first, agentSpec(3).vmId) === 'starting the engine');
    first.scheduler.stop();
    const second = createLab(first.store, virtualClock(first.clock.now()));
    await second.until(() => isReady(second, 'agent-3'));
    expect(second.callsOf('join')).toEqual([]);
    expect(isReady(second, 'master0')).toBe(true);
  });

  it('is cheap: 300 agents join one cluster, each with one ticket', async () => {
    const lab = await withMaster();
    for (let id = 0; id < 300; id += 1) lab.machines.boot(agentSpec(id));
    await lab.until(() => lab.nodes().filter(({ ready }) => ready === 'True').length === 301, 600);
    const joins = lab.callsOf('join').filter(({ claims }) => claims.instanceId !== 'master0');
    expect(joins).toHaveLength(300);
  });
});
