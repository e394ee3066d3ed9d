import fc from 'fast-check';
import { canMove, isServing } from '../../shared/model/node';
import { lookAt, pass, planFor, reconcile, servingOf, vmIdOf, type World } from './model-world';
import { anyWorld, withoutHopeless } from './model-worlds';

/** fast-check prints seed and path of a failure. */
const RUNS = { numRuns: 500 };
/** Three restarts of a silent agent take half an hour of waiting, then come the others' turns. */
const MOST_ROUNDS = 90;

/** Of those that go through hours of the world. */
const LONG_RUNS = { numRuns: 100 };

const forAnyWorld = (check: (world: World) => void, world = anyWorld, runs = RUNS): void =>
  fc.assert(fc.property(world, check), runs);

describe('the plan, whatever the cluster has come to', () => {
  it('touches no master but to power it on', () => {
    forAnyWorld((world) => {
      lookAt(world);
      for (const action of planFor(world).actions) if ('vmIds' in action) expect(action.vmIds).not.toContain(vmIdOf(0));
    });
  });

  it('removes no agent that was ready once, unless there are too many or its removal was begun', () => {
    forAnyWorld((world) => {
      lookAt(world);
      const rows = new Map(world.rows.map((row) => [row.vmId, row]));
      for (const action of planFor(world).actions) {
        if (action.kind !== 'replace') continue;
        for (const vmId of action.vmIds) expect(['ready', 'notReady']).not.toContain(rows.get(vmId)?.state);
      }
    });
  });

  it('removes no more than are too many, and only from those that serve', () => {
    forAnyWorld((world) => {
      lookAt(world);
      const serving = world.rows.filter(({ role, state }) => role === 'agent' && isServing(state));
      const excess = planFor(world).actions.flatMap((action) =>
        action.kind === 'retire' && action.reason.includes('more than asked for') ? action.vmIds : [],
      );
      expect(excess.length).toBeLessThanOrEqual(Math.max(0, serving.length - world.spec.agents.count));
      expect(serving.map(({ vmId }) => vmId)).toEqual(expect.arrayContaining(excess));
    });
  });

  it('does one thing with a VM at a time, and names only VMs that Azure lists', () => {
    forAnyWorld((world) => {
      lookAt(world);
      const named = planFor(world).actions.flatMap((action) => ('vmIds' in action ? action.vmIds : []));
      expect(new Set(named).size).toBe(named.length);
      expect(world.vms.map(({ index }) => vmIdOf(index))).toEqual(expect.arrayContaining(named));
    });
  });

  it('concludes nothing about agents from the silence of the engine', () => {
    forAnyWorld((world) => {
      world.engineAnswers = false;
      const before = new Map(world.rows.map(({ vmId, state }) => [vmId, state]));
      for (const row of lookAt(world).changed) expect(row.state).not.toBe('notReady');
      for (const row of world.rows) if (before.get(row.vmId) === 'ready') expect(row.state).toBe('ready');
      expect(planFor(world).actions.filter(({ kind }) => kind === 'restart')).toEqual([]);
    });
  });
});

describe('reconciling, minute after minute', () => {
  it('moves every node along the table only', () => {
    forAnyWorld((world) => {
      for (let round = 0; round < 10; round++) {
        for (const [from, to] of reconcile(world).moves) {
          // expected → joining → ready may happen between two looks
          const isCourse =
            ['expected', 'booting', 'joining'].includes(from) && ['booting', 'joining', 'ready'].includes(to);
          expect([from, to, canMove(from, to) || isCourse]).toEqual([from, to, true]);
        }
        pass(world);
      }
    });
  });

  it('reaches the wish and then is silent, or says that it has stopped itself', () => {
    forAnyWorld(
      (world) => {
        let last = reconcile(world);
        for (let round = 0; round < MOST_ROUNDS; round++) {
          pass(world);
          last = reconcile(world);
        }
        if (last.phaseReason.includes('automation stopped itself')) return;
        expect(last).toEqual({ actions: [], moves: [], phase: 'ready', phaseReason: '' });
        expect(servingOf(world)).toBe(world.spec.agents.count);
        expect(world.rows.filter(({ state }) => state === 'ready')).toHaveLength(world.spec.agents.count + 1);
      },
      anyWorld.map(withoutHopeless),
      LONG_RUNS,
    );
  });

  it('never lets the number of agents fall below the wish by its own doing, except for what never served or cannot be started', () => {
    forAnyWorld((world) => {
      for (let round = 0; round < 20; round++) {
        lookAt(world);
        const useful = (): number =>
          world.rows.filter(
            ({ role, state, vmId }) =>
              role === 'agent' &&
              (state === 'ready' || state === 'notReady') &&
              world.vms.some(({ index }) => vmIdOf(index) === vmId),
          ).length;
        const before = useful();
        const hopeless = reconcile(world).actions.flatMap((action) =>
          action.kind === 'retire' && action.reason.includes('cannot be started') ? action.vmIds : [],
        );
        expect(useful()).toBeGreaterThanOrEqual(Math.min(before, world.spec.agents.count) - hopeless.length);
        pass(world);
      }
    });
  });
});
