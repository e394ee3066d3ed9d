import type { NodeRecord, NodeState } from '../../shared/model/node';
import { observe, type EngineView, type Findings, type MachineView, type Sight } from '../../shared/model/observe';
import { nodeRecord } from '../support/records';

const NOW = '2026-02-03T04:05:06.000Z';
const row = (state: NodeState, changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', 1),
  state,
  ...changes,
});
const machine = (changes: Partial<MachineView> = {}): MachineView => ({
  vmId: nodeRecord('demo', 1).vmId,
  role: 'agent',
  instanceId: '1',
  provisioning: 'succeeded',
  power: 'running',
  address: '',
  ...changes,
});
const node = (changes: Partial<EngineView> = {}): EngineView => ({
  name: 'agents-1-0a1b2c3d',
  uid: 'uid-1',
  ready: true,
  address: '10.0.0.4',
  ...changes,
});
const look = (sight: Partial<Sight>): Findings =>
  observe({ cluster: 'demo', rows: [], machines: [machine()], engine: [], now: NOW, cause: 'timer', ...sight });
const stateAfter = (findings: Findings): NodeState | undefined => findings.changed[0]?.state;

describe('a VM that Azure could not make, and then made when it was deployed again', () => {
  it('may join if it is a master: nothing else takes its place', () => {
    const failed = row('failed', { role: 'master', instanceId: 'master0', nodeName: 'master0-0a1b2c3d' });
    const master = machine({ role: 'master', instanceId: 'master0' });
    expect(look({ rows: [failed], machines: [{ ...master, provisioning: 'failed' }] }).changed).toEqual([]);
    const { changed, events } = look({ rows: [failed], machines: [master] });
    expect(changed).toMatchObject([{ state: 'booting', generation: 2, nodeName: 'master0-0a1b2c3d-g2' }]);
    expect(events).toMatchObject([{ type: 'node.booting' }]);
  });

  it('stays failed if it is an agent, which is replaced', () => {
    expect(look({ rows: [row('failed')] }).changed).toEqual([]);
  });
});

describe('a VM that has no row', () => {
  it('gets one, under a name of its own', () => {
    const { changed, events } = look({ machines: [machine({ provisioning: 'creating', power: 'unknown' })] });
    expect(changed).toMatchObject([
      { nodeName: 'agents-1-0a1b2c3d', state: 'expected', generation: 1, createdAt: NOW, registeredAt: '' },
    ]);
    expect(events).toMatchObject([{ type: 'node.expected', subject: 'agents-1-0a1b2c3d', cause: 'timer' }]);
  });

  it('is ready at once when the engine says so: all looks before were missed', () => {
    const { changed, registered } = look({ engine: [node()] });
    expect(changed).toMatchObject([{ state: 'ready', registeredAt: NOW, nodeUid: 'uid-1', address: '10.0.0.4' }]);
    expect(registered).toHaveLength(1);
  });
});

describe('a node on its way up', () => {
  it('boots once its VM runs', () => {
    expect(stateAfter(look({ rows: [row('expected')] }))).toBe('booting');
    const creating = machine({ provisioning: 'creating' });
    expect(look({ rows: [row('expected')], machines: [creating] }).changed).toEqual([]);
  });

  it('is failed when Azure cannot provision its VM, with Azure’s reason', () => {
    const failed = machine({ provisioning: 'failed', failure: { code: 'AllocationFailed', message: 'no room' } });
    const { changed } = look({ rows: [row('expected')], machines: [failed] });
    expect(changed).toMatchObject([{ state: 'failed', detail: 'AllocationFailed: no room' }]);
  });

  it('is registered when the engine lists it, ready or not, and only once', () => {
    const first = look({ rows: [row('joining')], engine: [node({ ready: false })] });
    expect(first.registered).toHaveLength(1);
    expect(first.changed).toMatchObject([{ state: 'joining', registeredAt: NOW }]);
    const second = look({ rows: first.changed, engine: [node()] });
    expect(second.registered).toEqual([]);
    expect(second.changed).toMatchObject([{ state: 'ready' }]);
  });
});

describe('a node that joins anew', () => {
  const again = row('joining', { ticketAttempt: 2, registeredAt: '', nodeUid: 'uid-1' });

  it('is not taken for registered by what it was before', () => {
    expect(look({ rows: [again], engine: [node({ ready: false })] })).toMatchObject({ changed: [], registered: [] });
  });

  it.each([
    ['as another node', { uid: 'uid-2', ready: false }],
    ['as the same, which was not lost after all', { uid: 'uid-1', ready: true }],
  ])('is registered once the engine has it %s', (_, listed) => {
    const { registered } = look({ rows: [again], engine: [node(listed)] });
    expect(registered).toMatchObject([{ registeredAt: NOW, nodeUid: listed.uid }]);
  });
});

describe('a node that was ready', () => {
  const ready = row('ready', { registeredAt: NOW, nodeUid: 'uid-1', address: '10.0.0.4' });

  test.each([
    ['the engine says so', { engine: [node({ ready: false })] }, 'the engine has not heard of the node lately'],
    ['the engine no longer lists it', { engine: [] }, 'the engine no longer lists the node'],
    [
      'its VM was stopped',
      { engine: [node({ ready: false })], machines: [machine({ power: 'stopped' })] },
      'the virtual machine is stopped',
    ],
  ])('is not ready when %s', (_, sight, detail) => {
    expect(look({ rows: [ready], ...sight }).changed).toMatchObject([{ state: 'notReady', detail }]);
  });

  it('stays ready while no master answers', () => {
    expect(look({ rows: [ready], engine: undefined }).changed).toEqual([]);
  });

  it('is ready again when it is back, and its repairs are forgotten', () => {
    const silent = { ...ready, state: 'notReady' as const, repairs: 2, detail: 'silent' };
    expect(look({ rows: [silent], engine: [node()] }).changed).toMatchObject([
      { state: 'ready', repairs: 0, detail: '' },
    ]);
  });

  it('is judged by the engine and not by a restart that failed at Azure', () => {
    const failed = [machine({ provisioning: 'failed' })];
    expect(look({ rows: [ready], machines: failed, engine: [node()] }).changed).toEqual([]);
    const { changed } = look({ rows: [ready], machines: failed, engine: [node({ ready: false })] });
    expect(changed).toMatchObject([{ state: 'notReady' }]);
  });

  test.each<NodeState>(['draining', 'leaving', 'failed'])('does not become ready again once it is %s', (state) => {
    expect(look({ rows: [{ ...ready, state }], engine: [node()] }).changed).toEqual([]);
  });
});

describe('a node that is parked', () => {
  const parked = row('parked', {
    registeredAt: NOW,
    nodeUid: 'uid-1',
    address: '10.0.0.4',
    goingDown: true,
    repairs: 1,
  });
  const off = machine({ power: 'deallocated' });

  it('stays so while its VM is off, whatever the engine still believes', () => {
    expect(look({ rows: [parked], machines: [off], engine: [node()] }).changed).toEqual([]);
    expect(look({ rows: [parked], machines: [off], engine: [] }).changed).toEqual([]);
  });

  it('boots when somebody powers its VM on, and is waited for from then', () => {
    const { changed, events } = look({ rows: [parked], engine: [node({ ready: false })] });
    expect(changed).toMatchObject([{ state: 'booting', awaitedSince: NOW, repairs: 0 }]);
    expect(events).toMatchObject([{ type: 'node.booting', data: { from: 'parked', to: 'booting' } }]);
  });

  it('takes work again once it is back, but not before its VM runs', () => {
    const booting = { ...parked, state: 'booting' as const, repairs: 0 };
    const early = look({ rows: [booting], machines: [machine({ power: 'starting' })], engine: [node()] });
    expect(early).toMatchObject({ changed: [], returned: [] });
    const { changed, returned } = look({ rows: [booting], engine: [node()] });
    expect(changed).toMatchObject([{ state: 'ready', goingDown: false }]);
    expect(returned).toEqual(changed);
  });
});

describe('a VM that Azure no longer lists', () => {
  it('is gone, with the state it came from in the event', () => {
    const { gone, changed, events } = look({ rows: [row('ready')], machines: [] });
    expect(gone).toMatchObject([{ state: 'gone' }]);
    expect(changed).toEqual([]);
    expect(events).toMatchObject([{ type: 'node.gone', data: { from: 'ready', to: 'gone' } }]);
  });

  it('is told once, though its row has to wait for the engine to answer', () => {
    const first = look({ rows: [row('ready')], machines: [], engine: undefined });
    const second = look({ rows: first.gone, machines: [], engine: undefined });
    expect(second.gone).toEqual(first.gone);
    expect(second.events).toEqual([]);
  });
});

it('gives each change of each node an event of its own, the same when the look is repeated', () => {
  const machines = [machine(), machine({ vmId: nodeRecord('demo', 2).vmId.replace('0a1b', '0f1f'), instanceId: '2' })];
  const first = look({ machines });
  expect(new Set(first.events.map(({ id }) => id)).size).toBe(2);
  expect(look({ machines }).events).toEqual(first.events);
});
