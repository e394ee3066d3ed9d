import type { ClusterSpec } from '../../shared/model/cluster';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import {
  JOIN_DEADLINE_MS,
  NOT_READY_REPAIR_MS,
  REBOOT_NOTICE_MS,
  plan,
  type Action,
  type Situation,
} from '../../shared/model/plan';
import { clusterRecord, nodeRecord } from '../support/records';

const NOW = Date.parse('2026-02-03T04:00:00.000Z');
const ago = (ms: number): string => new Date(NOW - ms).toISOString();
const { spec: SPEC } = clusterRecord();
const wish = (changes: Partial<ClusterSpec['agents']>, more: Partial<ClusterSpec> = {}): ClusterSpec => ({
  ...SPEC,
  ...more,
  agents: { ...SPEC.agents, ...changes },
});

const MASTER: NodeRecord = {
  ...nodeRecord('demo', 90),
  role: 'master',
  instanceId: 'master0',
  state: 'ready',
  registeredAt: ago(9e6),
};
const agent = (index: number, state: NodeState = 'ready', changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  state,
  createdAt: ago(60_000),
  awaitedSince: ago(60_000),
  since: ago(60_000),
  registeredAt: state === 'ready' || state === 'notReady' ? ago(30_000) : '',
  ...changes,
});
const vmIds = (...indexes: number[]): string[] => indexes.map((index) => agent(index).vmId);

/** All VMs run unless `power` says otherwise; capacity is what is listed unless it is given. */
function decide(rows: NodeRecord[], changes: Partial<Situation> & { power?: Record<number, string> } = {}) {
  const { power = {}, ...rest } = changes;
  const machines = [MASTER, ...rows].map((row) => ({
    vmId: row.vmId,
    role: row.role,
    instanceId: row.instanceId,
    provisioning: 'succeeded' as const,
    power: power[Number(row.vmId.slice(-2))] ?? 'running',
    address: '',
  }));
  return plan({
    spec: wish({ count: 3 }),
    rows: [MASTER, ...rows],
    machines,
    capacity: rows.length,
    engineReachable: true,
    halted: false,
    now: NOW,
    ...rest,
  });
}
const kinds = (actions: Action[]): string[] => actions.map(({ kind }) => kind);
const three = [agent(1), agent(2), agent(3)];

it('does not undo what the autoscale that was asked for has done', () => {
  const spec = wish({ count: 2, autoscale: { cpuAbovePercent: 80, cpuBelowPercent: 10 } });
  expect(decide(three, { spec }).actions).toMatchObject([{ kind: 'adopt', agents: 3 }]);
});

describe('a cluster as it should be', () => {
  it('is ready and left alone', () => {
    expect(decide(three)).toEqual({ phase: 'ready', phaseReason: '', actions: [] });
  });

  it('is left alone as well while Azure still brings agents', () => {
    const { phase, actions } = decide([agent(1), agent(2), agent(3, 'booting')]);
    expect({ phase, actions }).toEqual({ phase: 'degraded', actions: [] });
    expect(decide([agent(1)], { capacity: 3 }).actions).toEqual([]);
  });
});

describe('the phase', () => {
  it('names everything that is amiss', () => {
    const rows = [agent(1), agent(2, 'notReady')];
    const { phaseReason } = decide(rows, { rows, engineReachable: false });
    expect(phaseReason).toBe(
      'no master answers, 0 of 1 masters are ready (master0: Azure does not list the virtual machine), 1 of 3 agents are ready',
    );
  });

  it('says which masters are not ready, and why', () => {
    const master = (index: number, changes: Partial<NodeRecord>): NodeRecord => ({
      ...MASTER,
      vmId: nodeRecord('demo', 90 + index).vmId,
      instanceId: `master${index}`,
      ...changes,
    });
    const silent = { state: 'notReady', detail: 'the engine has not heard of the node lately' } as const;
    const masters = [master(0, {}), master(1, silent), master(2, silent)];
    const spec = { ...wish({ count: 3 }), masters: { ...SPEC.masters, count: 3 as const } };
    const { phase, phaseReason } = decide([...masters.slice(1), ...three], {
      spec,
      rows: [...masters, ...three],
      capacity: 3,
      power: { 91: 'deallocated' },
    });
    expect(phase).toBe('degraded');
    expect(phaseReason).toBe(
      '1 of 3 masters are ready (master1: the virtual machine is deallocated, master2: the engine has not heard of the node lately)',
    );
  });

  it('says what keeps the agents from coming', () => {
    const rows = [agent(1), agent(2)];
    expect(decide(rows, { shortage: 'OperationNotAllowed: no cores are left' }).phaseReason).toBe(
      '2 of 3 agents are ready: OperationNotAllowed: no cores are left',
    );
    const failed = agent(3, 'failed', { detail: 'AllocationFailed: no room' });
    expect(decide([...rows, failed]).phaseReason).toBe('2 of 3 agents are ready: AllocationFailed: no room');
  });

  it('does not miss agents that are parked', () => {
    const parked = agent(4, 'parked');
    expect(decide([...three, parked], { power: { 4: 'deallocated' } })).toEqual({
      phase: 'ready',
      phaseReason: '',
      actions: [],
    });
  });
});

describe('agents that are not well', () => {
  it('are restarted when they have been silent for five minutes, later again, and in the end only reported', () => {
    const silent = (ms: number, repairs: number) =>
      decide([agent(1), agent(2), agent(3, 'notReady', { since: ago(ms), repairs })]).actions;
    expect(silent(NOT_READY_REPAIR_MS - 1000, 0)).toEqual([]);
    expect(silent(NOT_READY_REPAIR_MS + 1000, 0)).toMatchObject([{ kind: 'restart', vmIds: vmIds(3) }]);
    const second = 2 * NOT_READY_REPAIR_MS + REBOOT_NOTICE_MS;
    expect(silent(second - 1000, 1)).toEqual([]);
    expect(silent(second + 1000, 1)).toMatchObject([{ kind: 'restart' }]);
    expect(silent(24 * 3_600_000, 3)).toEqual([]);
  });

  it('are not restarted while no master answers', () => {
    const rows = [agent(1), agent(2), agent(3, 'notReady', { since: ago(3_600_000) })];
    expect(decide(rows, { engineReachable: false }).actions).toEqual([]);
  });

  it('are started when their VMs are stopped', () => {
    const rows = [agent(1), agent(2), agent(3, 'notReady')];
    expect(decide(rows, { power: { 3: 'deallocated' } }).actions).toMatchObject([{ kind: 'start', vmIds: vmIds(3) }]);
  });

  it('are replaced when they never joined in time, but not before', () => {
    const late = (ms: number) => decide([agent(1), agent(2), agent(3, 'booting', { awaitedSince: ago(ms) })]).actions;
    expect(late(JOIN_DEADLINE_MS - 1000)).toEqual([]);
    expect(late(JOIN_DEADLINE_MS + 1000)).toMatchObject([{ kind: 'replace', vmIds: vmIds(3) }]);
  });

  it('are replaced when Azure could not provision them', () => {
    expect(decide([agent(1), agent(2), agent(3, 'failed')]).actions).toMatchObject([
      { kind: 'replace', vmIds: vmIds(3) },
    ]);
  });

  it('are removed when starting them again and again did not bring them back', () => {
    const evicted = (repairs: number) =>
      decide([agent(1), agent(2), agent(3, 'notReady', { repairs })], { power: { 3: 'deallocated' } }).actions;
    expect(evicted(2)).toMatchObject([{ kind: 'start', vmIds: vmIds(3) }]);
    expect(evicted(3)).toMatchObject([{ kind: 'retire', vmIds: vmIds(3) }]);
  });

  it('are late from when they were started or reimaged, however old they are', () => {
    const old = agent(3, 'booting', { createdAt: ago(9e7), awaitedSince: ago(60_000) });
    expect(decide([agent(1), agent(2), old]).actions).toEqual([]);
  });

  it('are replaced when starting them again and again did not let them join', () => {
    const late = agent(3, 'booting', { awaitedSince: ago(JOIN_DEADLINE_MS + 1000), repairs: 3 });
    expect(decide([agent(1), agent(2), late], { power: { 3: 'stopped' } }).actions).toMatchObject([
      { kind: 'replace', vmIds: vmIds(3) },
    ]);
  });
});

describe('the fuse', () => {
  const agents = (unwell: number, all: number): NodeRecord[] =>
    Array.from({ length: all }, (_, index) =>
      agent(index + 1, index < unwell ? 'notReady' : 'ready', { since: ago(9e6) }),
    );
  const fused = (unwell: number, all: number) => decide(agents(unwell, all), { spec: wish({ count: all }) });

  it.each([
    [2, 3, 'restart'],
    [3, 7, 'restart'],
    [4, 9, 'restart'],
  ])('holds when %d of %d are unwell', (unwell, all, kind) => {
    expect(kinds(fused(unwell, all).actions)).toEqual([kind]);
  });

  it.each([
    [3, 3],
    [3, 6],
    [5, 11],
  ])('blows when %d of %d are unwell: automation stops itself and says so', (unwell, all) => {
    const { actions, phase, phaseReason } = fused(unwell, all);
    expect({ actions, phase }).toEqual({ actions: [], phase: 'degraded' });
    expect(phaseReason).toContain('automation stopped itself');
  });

  it('does not count agents on their first way up', () => {
    const coming = [agent(1), ...[2, 3, 4, 5].map((index) => agent(index, 'booting'))];
    expect(decide(coming, { spec: wish({ count: 5 }) }).phaseReason).not.toContain('automation');
  });

  it('lets a removal that was begun come to its end', () => {
    const rows = [...agents(3, 3), agent(4, 'draining')];
    expect(decide(rows).actions).toMatchObject([{ kind: 'retire', vmIds: vmIds(4) }]);
  });
});

describe('a number of agents that is not the wish', () => {
  it('grows when agents are missing', () => {
    expect(decide([agent(1), agent(2)]).actions).toMatchObject([{ kind: 'grow', agents: 3 }]);
  });

  it('drains and deletes what is too much, and does not repair it first', () => {
    const rows = [...three, agent(4, 'notReady', { since: ago(9e6) }), agent(5, 'failed')];
    expect(decide(rows).actions).toEqual([
      { kind: 'retire', vmIds: vmIds(5, 4), reason: '2 agents are more than asked for' },
    ]);
  });

  it('is the new wish where the policy says so, within the limits', () => {
    const adopt = (rows: NodeRecord[], max = 10) =>
      decide(rows, { spec: wish({ count: 3, max }, { drift: 'adopt' }) }).actions;
    expect(adopt([...three, agent(4)])).toMatchObject([{ kind: 'adopt', agents: 4 }]);
    expect(adopt([agent(1)])).toMatchObject([{ kind: 'adopt', agents: 1 }]);
    expect(adopt([...three, agent(4)], 3)).toMatchObject([{ kind: 'retire' }]);
  });

  it('is never the new wish when Azure evicted Spot agents', () => {
    const spec = wish({ count: 3, priority: 'Spot' }, { drift: 'adopt' });
    expect(decide([agent(1)], { spec }).actions).toMatchObject([{ kind: 'grow', agents: 3 }]);
  });

  it('is never the new wish when Azure has no room for what was asked for, or what was broken was taken out', () => {
    const spec = wish({ count: 3 }, { drift: 'adopt' });
    expect(decide([agent(1)], { spec, shortage: 'no room' }).actions).toMatchObject([{ kind: 'grow', agents: 3 }]);
    const [replace] = decide([agent(1), agent(2), agent(3, 'failed')], { spec }).actions;
    expect(replace).toMatchObject({ kind: 'replace', missed: 3 });
  });

  it('is no matter while Azure works on the scale set', () => {
    expect(decide([agent(1)], { capacity: undefined }).actions).toEqual([]);
  });
});

describe('masters', () => {
  it('are powered on and nothing else', () => {
    const masters = [{ ...MASTER, state: 'notReady' as const, since: ago(9e7) }];
    expect(decide(three, { rows: [...masters, ...three] }).actions).toEqual([]);
    const { actions } = decide(three, { rows: [...masters, ...three], power: { 90: 'stopped' } });
    expect(actions).toMatchObject([{ kind: 'startMaster', name: 'master0' }]);
  });

  it('are not removed even if something wrote that they drain', () => {
    const rows = [{ ...MASTER, state: 'draining' as const }, ...three];
    expect(decide(three, { rows }).actions).toEqual([]);
  });
});

it('does nothing while the lever is pulled, and still tells how things stand', () => {
  const { actions, phase } = decide([agent(1, 'failed')], { halted: true });
  expect({ actions, phase }).toEqual({ actions: [], phase: 'degraded' });
});
