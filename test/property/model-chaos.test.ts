import fc from 'fast-check';
import type { ChaosRequest } from '../../shared/model/chaos';
import { eligibleAgents, planStrikes, seededOrder, whySpared, type ChaosNode } from '../../shared/model/chaos-plan';
import { draftReport } from '../../shared/model/chaos-report';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import { clusterSpec, nodeRecord } from '../support/records';

const NOW = Date.parse('2026-02-03T04:00:00.000Z');

interface Agent {
  row: NodeRecord;
  node: ChaosNode | undefined;
}

const states: NodeState[] = ['expected', 'booting', 'ready', 'notReady', 'draining', 'leaving', 'parked', 'failed'];
const agentAt = (index: number): fc.Arbitrary<Agent> =>
  fc
    .record({
      state: fc.oneof({ weight: 4, arbitrary: fc.constant<NodeState>('ready') }, fc.constantFrom(...states)),
      ageMinutes: fc.integer({ min: 0, max: 60 }),
      goingDown: fc.boolean(),
      listed: fc.boolean(),
      ready: fc.boolean(),
      schedulable: fc.boolean(),
      avoidsChaos: fc.boolean(),
    })
    .map(({ state, ageMinutes, goingDown, listed, ...seen }) => {
      const since = new Date(NOW - ageMinutes * 60_000).toISOString();
      const row = { ...nodeRecord('demo', index), state, goingDown, awaitedSince: since, createdAt: since };
      const node = { name: row.nodeName, uid: row.vmId, bootId: 'first', ...seen };
      return { row, node: listed ? node : undefined };
    });
const agents = fc
  .integer({ min: 0, max: 30 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => agentAt(index))));
const requests: fc.Arbitrary<ChaosRequest> = fc.record(
  {
    action: fc.constantFrom('restart' as const, 'delete' as const),
    count: fc.integer({ min: 1, max: 50 }),
    seed: fc.integer({ min: 0, max: 0xffffffff }),
    concurrency: fc.integer({ min: 1, max: 100 }),
    dryRun: fc.boolean(),
  },
  { requiredKeys: ['action', 'seed', 'concurrency', 'dryRun'] },
);
const splitUp = (all: Agent[]): { rows: NodeRecord[]; nodes: ChaosNode[] } => ({
  rows: all.map(({ row }) => row),
  nodes: all.flatMap(({ node }) => node ?? []),
});

it('an order is a permutation, and the same for the same seed', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 0, max: 0xffffffff }), (names, seed) => {
      const order = seededOrder(names, seed);
      expect([...order].sort()).toEqual([...names].sort());
      expect(seededOrder(names, seed)).toEqual(order);
    }),
  );
});

it('a plan does not depend on the order in which Azure or the engine list their machines', () => {
  fc.assert(
    fc.property(agents, requests, fc.integer(), (all, request, shuffle) => {
      const namesOf = (listed: Agent[]): string[] => {
        const { rows, nodes } = splitUp(listed);
        const { eligible } = eligibleAgents(rows, nodes, NOW);
        return planStrikes(request, eligible, rows.length).victims.map(({ nodeName }) => nodeName);
      };
      expect(namesOf(seededOrder(all, shuffle))).toEqual(namesOf(all));
    }),
  );
});

it('nobody is struck who opted out or is otherwise spared, nobody twice, and never more than half at once', () => {
  fc.assert(
    fc.property(agents, requests, (all, request) => {
      const { rows, nodes } = splitUp(all);
      const ready = rows.filter(({ state }) => state === 'ready').length;
      const spec = clusterSpec({ masters: { count: 1 }, agents: { count: ready, max: 30 } });
      const master = { ...nodeRecord('demo', 99), role: 'master' as const, state: 'ready' as const };
      const situation = { spec, rows: [...rows, master], nodes, pending: 0, halted: undefined, now: NOW };
      const order = { id: 'x', cluster: 'demo', request, cause: 'operator', startedAt: new Date(NOW).toISOString() };
      const { report, concurrency } = draftReport(order, situation);
      const byId = new Map(all.map(({ row, node }) => [row.vmId, { row, node }]));
      for (const { vmId } of report.victims) {
        const { row, node } = byId.get(vmId)!; // a master is not among them
        expect([whySpared(row, node, NOW), node?.avoidsChaos]).toEqual(['', false]);
      }
      expect(new Set(report.victims.map(({ vmId }) => vmId)).size).toBe(report.victims.length);
      expect(report.victims.length).toBeLessThanOrEqual(Math.min(report.eligible.length, request.count ?? 1));
      if (report.victims.length > 0) {
        expect(concurrency).toBeGreaterThanOrEqual(1);
        expect(concurrency).toBeLessThanOrEqual(ready / 2);
      }
    }),
  );
});
