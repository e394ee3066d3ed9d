import fc from 'fast-check';
import { isSilence, isVersionConflict } from '../../shared/engines/swarm/errors';
import { addressOf } from '../../shared/engines/swarm/nodes';
import type { NodeObject, ServiceObject, TaskObject } from '../../shared/engines/swarm/objects';
import { isUneven } from '../../shared/engines/swarm/spread';
import { mustRotate } from '../../shared/engines/swarm/tokens';

const NOW = Date.parse('2026-03-01T08:00:00Z');
const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

describe('join tokens', () => {
  it.each<[string, string | undefined, number, boolean, boolean]>([
    ['fresh, given, awaited', ago(1), 60, true, false],
    ['fresh, given, awaited by nobody', ago(1), 60, false, true],
    ['given for long, awaited', ago(16), 60, true, true],
    ['given at the limit, awaited', ago(15), 60, true, false],
    ['old, given, awaited: soon enough', ago(1), 3_000, true, false],
    ['given to nobody', undefined, 60, false, false],
    ['given to nobody, and a day old', undefined, 1_441, false, true],
    ['given to nobody, and a day old, awaited', undefined, 1_441, true, true],
    ['given when nobody can tell', 'yesterday', 60, true, true],
  ])('%s', (_, given, rotatedMinutes, isAwaited, expected) => {
    expect(mustRotate({ given, rotated: ago(rotatedMinutes) }, isAwaited, NOW)).toBe(expected);
  });

  it('never outlive a wave by more than fifteen minutes, whatever the clock says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 100_000 }), fc.boolean(), (minutes, isAwaited) =>
        mustRotate({ given: ago(minutes), rotated: ago(minutes) }, isAwaited, NOW),
      ),
    );
  });
});

const META = { Version: { Index: 1 }, CreatedAt: ago(60), UpdatedAt: ago(60) };
const node = (id: number, more: Partial<NodeObject['Spec']> = {}, State: 'ready' | 'down' = 'ready'): NodeObject => ({
  ...{ ID: `n${id}`, ...META, Description: { Hostname: `host${id}` }, Status: { State } },
  Spec: { Role: 'worker', Availability: 'active', Labels: {}, ...more },
});
const service = (constraints: string[] = []): ServiceObject => ({
  ...{ ID: 's', ...META },
  Spec: {
    Name: 'web',
    TaskTemplate: { Placement: { Constraints: constraints } },
    Mode: { Replicated: { Replicas: 9 } },
  },
});
const tasksOn = (counts: number[], State = 'running', ServiceID = 's'): TaskObject[] =>
  counts.flatMap((count, id) =>
    Array.from({ length: count }, (_, slot) => ({
      ...{ ID: `${id}-${slot}`, ...META, Spec: {}, ServiceID, Slot: slot + 1, NodeID: `n${id}` },
      ...{ Status: { State }, DesiredState: 'running' },
    })),
  );

describe('what is spread unevenly', () => {
  const uneven = (counts: number[], nodes = counts.map((_, id) => node(id)), constraints?: string[]): boolean =>
    isUneven(service(constraints), nodes, [
      ...tasksOn(counts),
      ...tasksOn([9], 'preparing'),
      ...tasksOn([9], 'running', 'other'),
    ]);

  it('is what differs by two, and never what is dealt out one by one', () => {
    expect(uneven([3, 1])).toBe(true);
    expect(uneven([2, 0, 1])).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 9 }), (tasks, nodes) => {
        const counts = Array.from({ length: nodes }, (_, id) => Math.floor((tasks + id) / nodes));
        return !uneven(counts);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(9), { minLength: 2, maxLength: 9 }), (counts) => {
        expect(uneven(counts)).toBe(Math.max(...counts) - Math.min(...counts) >= 2);
      }),
    );
  });

  it('counts only on nodes that take this work', () => {
    expect(uneven([4, 0], [node(0), node(1, {}, 'down')])).toBe(false);
    for (const Availability of ['pause', 'drain'] as const)
      expect(uneven([4, 0], [node(0), node(1, { Availability })])).toBe(false);
    expect(uneven([4, 0], [node(0), node(1, { Role: 'manager' })])).toBe(false);
    expect(uneven([4, 0], [node(0), node(1, { Labels: { 'starling.demoted': 'true' } })])).toBe(false);
    const fast = { Labels: { disk: 'fast' } };
    expect(uneven([4, 0], [node(0, fast), node(1)], ['node.labels.disk==fast'])).toBe(false);
    expect(uneven([4, 0], [node(0, fast), node(1, fast)], ['node.labels.disk == fast', 'node.role==worker'])).toBe(
      true,
    );
    expect(uneven([4, 0], [node(0), node(1)], ['node.id!=n1'])).toBe(false);
    expect(uneven([4, 0], [node(0), node(1)], ['nobody knows this'])).toBe(false);
  });
});

describe('the address of a node', () => {
  it.each<[string, string | undefined, string]>([
    ['172.31.1.4', undefined, '172.31.1.4'],
    ['0.0.0.0', '172.31.0.10:2377', '172.31.0.10'],
    ['172.31.9.9', '172.31.0.10:2377', '172.31.0.10'],
    ['172.31.0.10', '0.0.0.0:2377', '172.31.0.10'],
    ['127.0.0.1', undefined, ''],
    ['fd00::4', '[fd00::5]:2377', 'fd00::5'],
    ['fd00::4', undefined, 'fd00::4'],
  ])('seen at %s, advertised as %s, is %s', (Addr, advertised, expected) => {
    const seen = { ...node(1), Status: { State: 'ready' as const, Addr } };
    expect(addressOf(advertised ? { ...seen, ManagerStatus: { Addr: advertised } } : seen)).toBe(expected);
  });
});

describe('what a daemon answers', () => {
  const answer = (statusCode: number, message: string): Error =>
    Object.assign(new Error(`(HTTP code ${statusCode})`), { statusCode, json: { message } });
  const lostQuorum =
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online.";

  it.each<[number, string, boolean]>([
    [500, lostQuorum, true],
    [500, 'rpc error: code = DeadlineExceeded desc = context deadline exceeded', true],
    [503, 'This node is not a swarm manager. Use "docker swarm init"', true],
    [503, 'rpc error: code = Unavailable desc = connection error', true],
    [500, 'rpc error: code = Unknown desc = update out of sequence', false],
    [400, 'rpc error: code = FailedPrecondition desc = node x is a cluster manager', false],
    [404, 'node x not found', false],
  ])('with %i and “%s” is silence: %s', (status, message, expected) => {
    expect(isSilence(answer(status, message))).toBe(expected);
  });

  it('and what it does not answer, are told apart from a mistake of our own', () => {
    expect(isSilence(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))).toBe(true);
    expect(isSilence(new TypeError('x is not a function'))).toBe(false);
    expect(isVersionConflict(answer(500, 'rpc error: code = Unknown desc = update out of sequence'))).toBe(true);
    expect(isVersionConflict(answer(500, lostQuorum))).toBe(false);
  });
});
