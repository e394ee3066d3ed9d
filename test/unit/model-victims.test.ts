import type { NodeRecord, NodeState } from '../../shared/model/node';
import { chooseVictims } from '../../shared/model/victims';
import { nodeRecord } from '../support/records';

const row = (index: number, state: NodeState, createdAt = '2026-01-01T00:00:00.000Z'): NodeRecord => ({
  ...nodeRecord('demo', index),
  state,
  createdAt,
});
const chosen = (rows: NodeRecord[], count: number): number[] =>
  chooseVictims(rows, count).map((vmId) => Number(vmId.slice(-2)));

describe('the choice of agents to remove', () => {
  it('takes the broken first, then those that are not up yet, then the silent, then the ready', () => {
    const rows = [row(1, 'ready'), row(2, 'notReady'), row(3, 'joining'), row(4, 'failed'), row(5, 'booting')];
    expect(chosen(rows, 5)).toEqual([4, 5, 3, 2, 1]);
  });

  it('takes the newest of equals, and is the same for rows in any order', () => {
    const rows = [row(1, 'ready', '2026-01-03T00:00:00Z'), row(2, 'ready', '2026-01-02T00:00:00Z'), row(3, 'ready')];
    expect(chosen(rows, 2)).toEqual([1, 2]);
    expect(chosen([...rows].reverse(), 2)).toEqual([1, 2]);
    expect(chosen([row(1, 'ready'), row(2, 'ready')], 1)).toEqual(chosen([row(2, 'ready'), row(1, 'ready')], 1));
  });

  it('never takes a master, nor one that is on its way out already', () => {
    const rows = [
      { ...row(1, 'failed'), role: 'master' as const },
      row(2, 'draining'),
      row(3, 'leaving'),
      row(4, 'ready'),
    ];
    expect(chosen(rows, 4)).toEqual([4]);
  });

  it('takes none when none are too many', () => {
    expect(chosen([row(1, 'ready')], 0)).toEqual([]);
    expect(chosen([row(1, 'ready')], -2)).toEqual([]);
  });
});
