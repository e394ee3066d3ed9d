import { agentSpec, createLab, masterSpec, scheduledEvent, type Lab } from './machine-fixture';

/** What `starling-events.service` does on a simulated machine. */

const { vmId } = agentSpec(3);
let lab: Lab;

const isReady = (name: string): boolean => lab.nodes().some((node) => node.name === name && node.ready === 'True');
const outcome = () => [lab.acknowledged, lab.callsOf('leave').length, isReady('agent-3')];

beforeEach(async () => {
  lab = createLab();
  lab.machines.boot(masterSpec());
  await lab.until(() => lab.callsOf('ready').length > 0 && isReady('master0'));
  lab.machines.boot(agentSpec(3));
  await lab.until(() => isReady('agent-3'));
});

it('makes Azure wait for its approval from the first boot on', () => {
  expect(lab.machines.hearsEvents(vmId)).toBe(true);
});

it.each(['Preempt', 'Terminate'] as const)(
  'before its own %s it takes leave, stops its engine and approves',
  async (EventType) => {
    lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-own', EventType }));
    await lab.clock.advance(2_000);
    expect(outcome()).toEqual([['e-own'], 1, false]);
  },
);

it.each(['Reboot', 'Redeploy'] as const)(
  'before its own %s it takes leave and approves, and its engine runs on',
  async (EventType) => {
    lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-own', EventType }));
    await lab.clock.advance(2_000);
    expect(outcome()).toEqual([['e-own'], 1, true]);
  },
);

it('leaves events of others alone, and a Freeze of its own', async () => {
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-other', Resources: ['agents_9'] }));
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-freeze', EventType: 'Freeze' }));
  await lab.clock.advance(60_000);
  expect(outcome()).toEqual([[], 0, true]);
});

it('does not approve what names others too, but is ready for it', async () => {
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-both', Resources: ['agents_3', 'agents_4'] }));
  await lab.clock.advance(60_000);
  expect(outcome()).toEqual([[], 1, false]);
});

it('approves only once Starling has been told, and stops its engine all the same', async () => {
  lab.next.push('network', new Response('', { status: 503 }));
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-own' }));
  await lab.clock.advance(1_500);
  expect(outcome()).toEqual([[], 1, false]);
  await lab.clock.advance(20_000);
  expect(outcome()).toEqual([['e-own'], 3, false]);
});

it('takes a refusal for an answer', async () => {
  lab.next.push(Response.json({ code: 'UNKNOWN_INSTANCE' }, { status: 403 }));
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-own' }));
  await lab.clock.advance(2_000);
  expect(outcome()).toEqual([['e-own'], 1, false]);
});

it('approves each of two events, and neither twice', async () => {
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-1', EventType: 'Reboot' }));
  await lab.clock.advance(5_000);
  lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-2' }));
  await lab.clock.advance(60_000);
  expect(lab.acknowledged).toEqual(['e-1', 'e-2']);
});
