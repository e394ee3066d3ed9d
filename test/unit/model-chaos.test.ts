import type { ChaosReport, ChaosRequest } from '../../shared/model/chaos';
import {
  eligibleAgents,
  MIN_AGE_MS,
  planStrikes,
  seededOrder,
  wantedVictims,
  whySpared,
  type ChaosNode,
} from '../../shared/model/chaos-plan';
import { hasRecovered, isBack, isFelt, noteRecovery, type RecoverySight } from '../../shared/model/chaos-recovery';
import { concluded, draftReport, type ChaosSituation } from '../../shared/model/chaos-report';
import { healthOf, steadyState } from '../../shared/model/chaos-steady';
import type { NodeRecord } from '../../shared/model/node';
import { clusterSpec, nodeRecord } from '../support/records';

const NOW = Date.parse('2026-02-03T04:00:00.000Z');
const iso = (ms: number): string => new Date(ms).toISOString();

const agent = (index: number, changes: Partial<NodeRecord> = {}): NodeRecord => ({
  ...nodeRecord('demo', index),
  state: 'ready',
  registeredAt: '2026-01-01T00:00:00.000Z',
  ...changes,
});
const master = agent(9, { role: 'master', instanceId: 'master0', nodeName: 'master0-0a1b2c3d' });
const node = ({ nodeName: name }: NodeRecord, changes: Partial<ChaosNode> = {}): ChaosNode => ({
  name,
  uid: `uid-${name}`,
  ready: true,
  schedulable: true,
  bootId: 'first',
  avoidsChaos: false,
  ...changes,
});
const request = (changes: Partial<ChaosRequest> = {}): ChaosRequest => ({
  action: 'restart',
  seed: 1,
  concurrency: 1,
  dryRun: false,
  ...changes,
});

describe('who may be struck', () => {
  it.each<[string, string, Partial<NodeRecord>, Partial<ChaosNode>]>([
    ['a node that opted out, whatever else it is', 'opted out', { state: 'notReady' }, { avoidsChaos: true }],
    ['a node that is not ready for Starling', 'not ready', { state: 'notReady' }, {}],
    ['a node that is not ready for the engine', 'not ready', {}, { ready: false }],
    ['a node that is going down', 'going down', { goingDown: true }, {}],
    ['a cordoned node', 'cordoned', {}, { schedulable: false }],
    ['a node made a moment ago', 'younger than ten minutes', { createdAt: iso(NOW - MIN_AGE_MS + 1) }, {}],
    ['a node reimaged a moment ago', 'younger than ten minutes', { awaitedSince: iso(NOW - MIN_AGE_MS + 1) }, {}],
  ])('spares %s', (_, why, row, seen) => {
    expect(whySpared(agent(1, row), node(agent(1), seen), NOW)).toBe(why);
  });

  it('spares a node that the engine does not list, and no well one of ten minutes', () => {
    expect(whySpared(agent(1), undefined, NOW)).toBe('not ready');
    expect(whySpared(agent(1, { createdAt: iso(NOW - MIN_AGE_MS) }), node(agent(1)), NOW)).toBe('');
  });

  it('lists agents by name, never masters, and counts who was spared and why', () => {
    const rows = [agent(3), agent(1), agent(2), master];
    const nodes = rows.map((row) => node(row, { avoidsChaos: row.instanceId === '2' }));
    const { eligible, spared } = eligibleAgents(rows, nodes, NOW);
    expect(eligible.map(({ instanceId }) => instanceId)).toEqual(['1', '3']);
    expect([...spared]).toEqual([['opted out', 1]]);
  });
});

describe('the order', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

  it('of a seed never changes: recorded runs can be repeated', () => {
    expect(seededOrder(names, 42)).toEqual(['c', 'h', 'b', 'a', 'g', 'f', 'd', 'e']);
    expect(seededOrder(names, 42)).toEqual(seededOrder([...names], 42));
    expect(seededOrder(names, 43)).not.toEqual(seededOrder(names, 42));
  });

  it('leaves the list that it was given as it was', () => {
    seededOrder(Object.freeze([...names]), 7);
  });
});

describe('how many are struck', () => {
  const agents = [1, 2, 3, 4, 5, 6].map((index) => agent(index));

  it.each([
    [{}, 6, 1],
    [{ count: 4 }, 6, 4],
    [{ fraction: 0.5 }, 6, 3],
    [{ fraction: 0.01 }, 6, 1],
    [{ fraction: 0.07 }, 100, 7],
    [{ fraction: 1 }, 6, 6],
  ])('%j of %i is %i', (asked, eligible, wanted) => {
    expect(wantedVictims(request(asked), eligible)).toBe(wanted);
  });

  it('is never more than are eligible, and the report says so', () => {
    const plan = planStrikes(request({ count: 9 }), agents, 6);
    expect(plan.victims).toHaveLength(6);
    expect(plan.notes).toEqual(['6 instead of 9 victims: no more are eligible']);
  });

  it('is at most half of the ready agents at once, and the report says so', () => {
    const plan = planStrikes(request({ count: 6, concurrency: 6 }), agents, 6);
    expect(plan).toMatchObject({
      concurrency: 3,
      notes: ['3 instead of 6 at once: at most half of the 6 ready agents'],
    });
  });

  it('is nobody where one agent is all there is', () => {
    expect(planStrikes(request(), [agent(1)], 1)).toMatchObject({ victims: [], concurrency: 0 });
  });
});

const rows = [master, agent(1), agent(2), agent(3)];
const situation = (changes: Partial<ChaosSituation> = {}): ChaosSituation => ({
  spec: clusterSpec(),
  rows,
  pending: 0,
  nodes: rows.map((row) => node(row)),
  halted: undefined,
  now: NOW,
  ...changes,
});

describe('the steady state', () => {
  it('holds when masters and agents are ready as wished, nothing waits and the engine answers', () => {
    expect(steadyState(situation())).toEqual({
      holds: true,
      agentsReady: 3,
      agentsWanted: 3,
      mastersReady: 1,
      mastersWanted: 1,
      pending: 0,
      reason: '',
    });
  });

  it.each<[string, Partial<ChaosSituation>, string]>([
    ['too few agents', { rows: [master, agent(1), agent(2)] }, '2 of 3 agents are ready'],
    ['too many agents', { rows: [...rows, agent(4)] }, '4 of 3 agents are ready'],
    ['a lost master', { rows: rows.slice(1) }, '0 of 1 masters are ready'],
    ['waiting work', { pending: 2 }, '2 replicas wait for a node or for their start'],
    ['a silent engine', { pending: undefined }, 'no master answers'],
  ])('does not hold with %s', (_, changes, reason) => {
    expect(steadyState(situation(changes))).toMatchObject({ holds: false, reason });
  });

  it('is asked for more than the phase: work that waits leaves a cluster ready', () => {
    expect(healthOf(situation({ pending: 2 }))).toEqual({ phase: 'ready', phaseReason: '' });
    expect(healthOf(situation({ pending: undefined }))).toEqual({
      phase: 'degraded',
      phaseReason: 'no master answers',
    });
  });
});

describe('a draft', () => {
  const order = (changes: Partial<ChaosRequest> = {}) => ({
    id: 'demo.chaos.1',
    cluster: 'demo',
    request: request({ count: 2, ...changes }),
    cause: 'operator',
    startedAt: iso(NOW),
  });

  it('names its victims and everybody who could have been one', () => {
    const { report, concurrency } = draftReport(order(), situation());
    expect(report).toMatchObject({ verdict: 'running', reason: '', endedAt: null, before: { holds: true } });
    expect(report.eligible).toHaveLength(3);
    expect(report.victims).toHaveLength(2);
    expect(report.victims[0]).toMatchObject({ struckAt: null, problem: '' });
    expect(concurrency).toBe(1);
  });

  it('has the same victims in the same order on machines of other names but the same numbers', () => {
    const renamed = rows.map((row) => ({ ...row, nodeName: row.nodeName.replace('0a1b2c3d', 'ffee0011') }));
    const other = situation({ rows: renamed, nodes: renamed.map((row) => node(row)) });
    const ids = ({ victims }: ChaosReport): string[] => victims.map(({ instanceId }) => instanceId);
    for (const seed of [1, 2, 3, 4, 5])
      expect(ids(draftReport(order({ seed }), other).report)).toEqual(
        ids(draftReport(order({ seed }), situation()).report),
      );
  });

  it('of a dry run is a plan that has ended', () => {
    const { report } = draftReport(order({ dryRun: true }), situation());
    expect(report).toMatchObject({ verdict: 'planned', endedAt: iso(NOW) });
    expect(report.victims).toHaveLength(2);
  });

  it.each<[string, Partial<ChaosRequest>, Partial<ChaosSituation>, string, RegExp]>([
    [
      'halted, before anything else',
      {},
      { halted: 'incident', pending: 1 },
      'halted',
      /^automation is halted: incident$/,
    ],
    ['skipped when the steady state does not hold', {}, { pending: 1 }, 'skipped', /steady state.*1 replicas wait/],
    ['skipped when Azure would not evict', { action: 'evict' }, {}, 'skipped', /Spot/],
    ['skipped when a dry run would find no steady state', { dryRun: true }, { pending: 1 }, 'skipped', /steady/],
    [
      'skipped when everybody is spared, and says why',
      {},
      { nodes: rows.map((row) => node(row, { avoidsChaos: true })) },
      'skipped',
      /no agent may be struck \(3 opted out\)/,
    ],
  ])('is %s', (_, asked, changes, verdict, reason) => {
    const { report } = draftReport(order(asked), situation(changes));
    expect(report).toMatchObject({ verdict, victims: [], endedAt: iso(NOW) });
    expect(report.reason).toMatch(reason);
  });
});

describe('a verdict', () => {
  const report = draftReport(
    { id: 'x', cluster: 'demo', request: request({ count: 9 }), cause: 'operator', startedAt: iso(NOW) },
    situation(),
  ).report;

  it('is given once, and keeps what the plan had to say', () => {
    const passed = concluded(report, { verdict: 'passed', reason: '', at: iso(NOW + 1) });
    expect(passed).toMatchObject({
      verdict: 'passed',
      endedAt: iso(NOW + 1),
      reason: '3 instead of 9 victims: no more are eligible',
    });
    expect(concluded(passed, { verdict: 'deviated', reason: 'late', at: iso(NOW + 2) })).toEqual(passed);
  });
});

describe('a recovery', () => {
  const victim = agent(1);
  const target = {
    vmId: victim.vmId,
    nodeName: victim.nodeName,
    instanceId: '1',
    nodeUid: 'u',
    bootId: 'first',
    generation: 1,
  };
  const sight = (
    changes: { row?: NodeRecord | null; node?: Partial<ChaosNode> | null; power?: string; silent?: boolean } = {},
  ): RecoverySight => {
    const row = changes.row === undefined ? victim : changes.row;
    const seen = [...(row ? [row] : []), master, agent(2), agent(3)];
    const nodes = seen.flatMap((one) =>
      one === row ? (changes.node === null ? [] : [node(one, changes.node)]) : [node(one)],
    );
    return {
      rows: seen,
      machines: seen.map(({ vmId }) => ({
        vmId,
        provisioning: 'succeeded' as const,
        power: vmId === victim.vmId ? (changes.power ?? 'running') : 'running',
      })),
      nodes: changes.silent ? undefined : nodes,
      steady: steadyState(situation({ rows: seen })),
      now: NOW,
    };
  };

  it('begins when the strike is felt: off, gone, not ready, or in another boot', () => {
    expect(isFelt(target, sight())).toBe(false);
    expect(isFelt(target, sight({ silent: true }))).toBe(false);
    for (const changes of [
      { power: 'deallocated' },
      { row: null },
      { row: agent(1, { state: 'notReady' as const }) },
      { node: { ready: false } },
      { node: null },
      { node: { bootId: 'second' } },
    ])
      expect(isFelt(target, sight(changes))).toBe(true);
  });

  it('is over when the victim serves in another boot and takes work', () => {
    expect(isBack(target, sight())).toBe(false);
    expect(isBack(target, sight({ node: { bootId: 'second', schedulable: false } }))).toBe(false);
    expect(isBack(target, sight({ node: { bootId: 'second' }, silent: true }))).toBe(false);
    expect(isBack(target, sight({ node: { bootId: 'second' } }))).toBe(true);
    const reimaged = agent(1, { generation: 2, nodeName: `${victim.nodeName}-g2` });
    expect(isBack(target, sight({ row: reimaged, node: { bootId: 'second' } }))).toBe(true);
  });

  it('of a victim that is gone is over when there are as many ready agents as wished', () => {
    const gone = sight({ row: null });
    expect(isBack(target, gone)).toBe(false);
    const replaced = { ...gone, rows: [...gone.rows, agent(4)] };
    expect(isBack(target, { ...replaced, steady: steadyState(situation({ rows: replaced.rows })) })).toBe(true);
  });

  it('is timed from the strike, and each time is kept', () => {
    const drafted = draftReport(
      { id: 'x', cluster: 'demo', request: request({ count: 3 }), cause: 'operator', startedAt: iso(NOW) },
      situation(),
    ).report;
    const struck = { ...drafted, victims: drafted.victims.map((one) => ({ ...one, struckAt: iso(NOW) })) };
    const at = (minutes: number, seen: RecoverySight): RecoverySight => ({ ...seen, now: NOW + minutes * 60_000 });
    const looks = [
      at(0.5, sight()),
      at(1, sight({ node: { ready: false } })),
      at(2, { ...sight({ node: { bootId: 'second' } }), steady: steadyState(situation({ pending: 1 })) }),
      at(3, sight({ node: { bootId: 'second' } })),
      at(4, sight({ node: { bootId: 'second' } })),
    ];
    const course = looks.reduce<ChaosReport[]>(
      (reports, look) => [...reports, noteRecovery(reports.at(-1)!, [target], look)],
      [struck],
    );
    const timesOf = (report: ChaosReport): unknown => {
      const { detectedMs, rejoinedMs, steadyMs } = report.victims.find(({ vmId }) => vmId === victim.vmId)!;
      return [detectedMs, rejoinedMs, steadyMs];
    };
    expect(course.slice(1).map(timesOf)).toEqual([
      [null, null, null],
      [60_000, null, null],
      [60_000, 120_000, null],
      [60_000, 120_000, 180_000],
      [60_000, 120_000, 180_000],
    ]);
    expect(course.map((report) => hasRecovered(report, [target]))).toEqual([false, false, false, false, true, true]);
    expect(course.at(-1)?.after).toMatchObject({ holds: true });
  });
});
