import {
  awaitsToken,
  decideJoin,
  initialisesCluster,
  mayMasterJoin,
  roleOf,
  TICKET_LIFETIME_MS,
} from '../../shared/model/join';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import { nodeRecord } from '../support/records';

const NOW = Date.parse('2026-02-03T04:05:06.000Z');
const iso = (ms: number): string => new Date(ms).toISOString();
const row = (changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', 3),
  ticketAttempt: 0,
  ...changes,
});

describe('the decision about a join', () => {
  it('gives a new VM its first ticket for a quarter of an hour', () => {
    expect(decideJoin(row(), false, NOW)).toEqual({ ok: true, attempt: 1, expiresAt: iso(NOW + TICKET_LIFETIME_MS) });
    expect(TICKET_LIFETIME_MS).toBe(15 * 60_000);
  });

  it('gives a repeat the same ticket while that is of use', () => {
    const first = row({ ticketAttempt: 1, ticketExpiresAt: iso(NOW + 3 * 60_000), state: 'joining' });
    expect(decideJoin(first, false, NOW)).toEqual({ ok: true, attempt: 1, expiresAt: first.ticketExpiresAt });
  });

  test.each([
    ['expired', -1],
    ['nearly expired', 60_000],
  ])('gives the next ticket when the last has %s', (_, leftMs) => {
    const first = row({ ticketAttempt: 1, ticketExpiresAt: iso(NOW + leftMs), state: 'joining' });
    expect(decideJoin(first, false, NOW)).toEqual({ ok: true, attempt: 2, expiresAt: iso(NOW + TICKET_LIFETIME_MS) });
  });

  it('gives nothing more once the node was registered', () => {
    const known = row({ registeredAt: iso(NOW - 1), state: 'ready' });
    expect(decideJoin(known, false, NOW)).toMatchObject({ ok: false, code: 'ALREADY_JOINED' });
  });

  it('gives nothing more once the engine lists the node, though no look has noted that yet', () => {
    const first = row({ ticketAttempt: 1, ticketExpiresAt: iso(NOW + 600_000), state: 'joining' });
    expect(decideJoin(first, true, NOW)).toMatchObject({ ok: false, code: 'ALREADY_JOINED' });
  });

  test.each<NodeState>(['draining', 'leaving', 'gone', 'failed', 'parked'])(
    'gives nothing to a node that is %s',
    (state) => {
      expect(decideJoin(row({ state }), false, NOW)).toMatchObject({ ok: false, code: 'NODE_LEAVING' });
    },
  );
});

describe('masters', () => {
  const master = (index: number, state: NodeState, more: Partial<NodeRecord> = {}): NodeRecord =>
    row({ role: 'master', instanceId: `master${index}`, state, ...more });

  it('are told from agents by their name', () => {
    expect([roleOf('master0'), roleOf('17')]).toEqual(['master', 'agent']);
  });

  const may = (name: string, ...others: NodeRecord[]): boolean => mayMasterJoin(name, others, NOW);
  const at = { awaitedSince: iso(NOW - 60_000) };

  it('join one after the other, master0 without waiting', () => {
    expect(may('master0')).toBe(true);
    expect(may('master1')).toBe(false);
    expect(may('master1', master(0, 'joining', at))).toBe(false);
    expect(may('master1', master(0, 'ready'))).toBe(true);
    expect(may('master2', master(0, 'ready'), master(1, 'booting', at))).toBe(false);
    expect(may('master2', master(1, 'ready'), master(0, 'ready'))).toBe(true);
    expect(may('master1', master(0, 'ready'), master(2, 'joining', at))).toBe(false);
    expect(may('master1', master(0, 'ready'), master(2, 'booting', at))).toBe(true);
  });

  it('are not held up by one that is lost, or that has not come in a quarter of an hour', () => {
    expect(may('master3', master(0, 'notReady'), master(1, 'ready'), master(2, 'failed'))).toBe(true);
    const late = { awaitedSince: iso(NOW - 16 * 60_000) };
    expect(may('master2', master(0, 'ready'), master(1, 'booting', late))).toBe(true);
  });

  it('never join when nobody is ready', () => {
    expect(may('master1', master(0, 'notReady', { registeredAt: iso(NOW) }))).toBe(false);
  });

  describe('master0', () => {
    const registered = { registeredAt: iso(NOW - 1) };

    it('makes the cluster while no other master was ever part of it', () => {
      expect(initialisesCluster('master0', [])).toBe(true);
      expect(initialisesCluster('master0', [master(0, 'joining', registered), master(1, 'booting')])).toBe(true);
    });

    it('made anew joins those that are left', () => {
      const left = [master(1, 'ready', registered), master(2, 'notReady', registered)];
      expect(initialisesCluster('master0', left)).toBe(false);
      expect(may('master0', ...left)).toBe(true);
    });

    it('makes no second cluster while those that are left are not ready', () => {
      const left = [master(1, 'notReady', registered), master(2, 'notReady', registered)];
      expect([initialisesCluster('master0', left), may('master0', ...left)]).toEqual([false, false]);
    });

    it('alone makes the cluster', () => expect(initialisesCluster('master1', [])).toBe(false));
  });
});

test.each<[string, Partial<NodeRecord>, boolean]>([
  ['has a ticket', { state: 'joining', ticketAttempt: 1, ticketExpiresAt: iso(NOW + 1) }, true],
  ['boots, and is about to ask', { state: 'booting' }, true],
  ['is only expected', { state: 'expected' }, true],
  ['had a ticket', { state: 'joining', ticketAttempt: 1, ticketExpiresAt: iso(NOW - 1) }, false],
  ['has joined', { state: 'ready', ticketAttempt: 1, ticketExpiresAt: iso(NOW + 1), registeredAt: iso(NOW) }, false],
  ['boots again', { state: 'booting', registeredAt: iso(NOW) }, false],
  ['could not be made', { state: 'failed' }, false],
  ['is on its way out', { state: 'draining', ticketAttempt: 1, ticketExpiresAt: iso(NOW + 1) }, false],
])('a node that %s: is it part of a wave that is not over? %#', (_, changes, expected) => {
  expect(awaitsToken(row(changes), NOW)).toBe(expected);
});
