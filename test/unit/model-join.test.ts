import { decideJoin, mayMasterJoin, roleOf, TICKET_LIFETIME_MS } from '../../shared/model/join';
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
  const master = (index: number, state: NodeState): NodeRecord =>
    row({ role: 'master', instanceId: `master${index}`, state });

  it('are told from agents by their name', () => {
    expect([roleOf('master0'), roleOf('17')]).toEqual(['master', 'agent']);
  });

  it('join one after the other, master0 without waiting', () => {
    expect(mayMasterJoin('master0', [])).toBe(true);
    expect(mayMasterJoin('master1', [])).toBe(false);
    expect(mayMasterJoin('master1', [master(0, 'joining')])).toBe(false);
    expect(mayMasterJoin('master1', [master(0, 'ready')])).toBe(true);
    expect(mayMasterJoin('master2', [master(0, 'ready')])).toBe(false);
    expect(mayMasterJoin('master2', [master(1, 'ready'), master(0, 'ready')])).toBe(true);
  });
});
