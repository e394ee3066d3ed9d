import {
  advanceTo,
  canMove,
  isServing,
  moveTo,
  newGeneration,
  nodeName,
  type NodeState,
} from '../../shared/model/node';
import { nodeRecord } from '../support/records';

const NOW = '2026-02-03T04:05:06.000Z';
const STATES: readonly NodeState[] = [
  'expected',
  'booting',
  'joining',
  'ready',
  'notReady',
  'draining',
  'leaving',
  'parked',
  'failed',
  'gone',
];
const row = (state: NodeState) => ({ ...nodeRecord('demo', 3), state, detail: 'before' });

describe('the transition table', () => {
  /** Written a second time on purpose: whoever changes the one has to think about the other. */
  const ALLOWED = new Set([
    'expected→booting',
    'booting→joining',
    'joining→ready',
    'ready→notReady',
    'notReady→ready',
    'ready→draining',
    'notReady→draining',
    'draining→leaving',
    'expected→parked',
    'booting→parked',
    'joining→parked',
    'ready→parked',
    'notReady→parked',
    'parked→booting',
  ]);
  const pairs = STATES.flatMap((from) => STATES.map((to) => [from, to] as const));

  test.each(pairs)('%s to %s is as the design says', (from, to) => {
    const isEnd = from !== 'gone' && from !== to && (to === 'failed' || to === 'gone');
    expect(canMove(from, to)).toBe(isEnd || ALLOWED.has(`${from}→${to}`));
  });

  it('lets nothing come back from gone', () => {
    expect(STATES.filter((to) => canMove('gone', to))).toEqual([]);
  });
});

describe('moving a node', () => {
  it('enters the state with its time and reason, and leaves everything else', () => {
    const before = row('ready');
    const after = moveTo(before, 'notReady', NOW, 'silent');
    expect(after).toEqual({ ...before, state: 'notReady', since: NOW, detail: 'silent' });
  });

  it('forgets the old reason when there is no new one', () => {
    expect(moveTo(row('notReady'), 'ready', NOW)?.detail).toBe('');
  });

  it('answers nothing to a move that the table does not allow, and to a repeat', () => {
    expect(moveTo(row('booting'), 'draining', NOW)).toBeUndefined();
    expect(moveTo(row('ready'), 'ready', NOW)).toBeUndefined();
  });

  test.each(['expected', 'booting', 'joining'] as const)('takes %s to ready although looks were missed', (from) => {
    expect(advanceTo(row(from), 'ready', NOW)).toMatchObject({ state: 'ready', since: NOW });
  });

  test.each([
    ['ready', 'joining'],
    ['joining', 'booting'],
    ['draining', 'ready'],
    ['leaving', 'ready'],
    ['parked', 'ready'],
    ['failed', 'ready'],
    ['gone', 'ready'],
  ] as const)('does not take %s to %s', (from, to) => {
    expect(advanceTo(row(from), to, NOW)).toBeUndefined();
  });
});

describe('a new generation', () => {
  const before = { ...row('ready'), registeredAt: NOW, nodeUid: 'uid', goingDown: true, repairs: 2 };

  it('is the same VM under a new name, which may join once and is waited for from now on', () => {
    const after = newGeneration(before, NOW);
    expect(after).toMatchObject({ vmId: before.vmId, instanceId: before.instanceId, generation: 2, state: 'expected' });
    expect(after.nodeName).toBe(`${before.nodeName}-g2`);
    expect(after).toMatchObject({ ticketAttempt: 0, registeredAt: '', nodeUid: '', goingDown: false, repairs: 0 });
    expect(after).toMatchObject({ since: NOW, awaitedSince: NOW, createdAt: before.createdAt });
  });

  it('never has the name of an earlier one', () => {
    const names = new Set<string>();
    let row = before;
    for (let times = 0; times < 10; times++) {
      names.add(row.nodeName);
      row = newGeneration(row, NOW);
    }
    expect(names.size).toBe(10);
  });
});

describe('what counts as serving', () => {
  it('is everything that was asked for and is not on its way out', () => {
    expect(STATES.filter(isServing)).toEqual(['expected', 'booting', 'joining', 'ready', 'notReady', 'failed']);
  });
});

describe('the name of a node', () => {
  const vmId = '1A2B3C4D-0000-4000-8000-000000000001';

  test.each([
    [{ role: 'agent', instanceId: '3', generation: 1 }, 'agents-3-1a2b3c4d'],
    [{ role: 'agent', instanceId: '3', generation: 2 }, 'agents-3-1a2b3c4d-g2'],
    [{ role: 'master', instanceId: 'master0', generation: 1 }, 'master0-1a2b3c4d'],
  ] as const)('of %j is %s', (machine, name) => {
    expect(nodeName({ ...machine, vmId })).toBe(name);
  });

  it('differs where Azure gives an instance id to another VM', () => {
    const again = {
      role: 'agent',
      instanceId: '3',
      generation: 1,
      vmId: '99999999-0000-4000-8000-000000000001',
    } as const;
    expect(nodeName(again)).not.toBe(nodeName({ ...again, vmId }));
  });
});
