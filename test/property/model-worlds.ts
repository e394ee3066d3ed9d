import fc from 'fast-check';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import { clusterRecord, nodeRecord } from '../support/records';
import { agentsOf, instanceIdOf, START, vmIdOf, type Vm, type World } from './model-world';

/** Any VM of a scale set, and what the registry may believe about it: nothing, something old, something wrong. */
const vm = fc.record({
  provisioning: fc.constantFrom<Vm['provisioning']>('creating', 'updating', 'succeeded', 'succeeded', 'failed'),
  power: fc.constantFrom<Vm['power']>('running', 'running', 'running', 'stopped', 'deallocated'),
  guest: fc.constantFrom<Vm['guest']>('well', 'well', 'hung', 'dead'),
  joined: fc.boolean(),
  believed: fc.option(
    fc.constantFrom<NodeState>(
      'expected',
      'booting',
      'joining',
      'ready',
      'notReady',
      'draining',
      'leaving',
      'parked',
      'failed',
    ),
  ),
  ageMinutes: fc.nat({ max: 60 }),
  repairs: fc.nat({ max: 3 }),
});
type AnyVm = ReturnType<(typeof vm)['generate']>['value'];

const wish = fc.record({
  count: fc.nat({ max: 8 }),
  drift: fc.constantFrom('adopt' as const, 'revert' as const),
  priority: fc.constantFrom('Spot' as const, 'Regular' as const),
});

/** A cluster in any state of disrepair: VMs, their rows, rows of VMs that are no more. The master's VM may be off. */
export const anyWorld = fc
  .record({
    wish,
    vms: fc.array(vm, { maxLength: 10 }),
    lost: fc.array(vm, { maxLength: 3 }),
    masterPower: fc.constantFrom<Vm['power']>('running', 'running', 'stopped'),
    engineAnswers: fc.constantFrom(true, true, true, false),
  })
  .map(({ wish, vms, lost, masterPower, engineAnswers }): World => {
    const { spec } = clusterRecord();
    const master: Vm = {
      index: 0,
      role: 'master',
      provisioning: 'succeeded',
      power: masterPower,
      guest: 'well',
      joined: true,
    };
    const agents = vms.map((each, position): Vm => consistent({ ...each, role: 'agent', index: position + 1 }));
    const { drift, ...changes } = wish;
    const world: World = {
      spec: { ...spec, drift, agents: { ...spec.agents, ...changes } },
      vms: [master, ...agents],
      rows: [rowOf(master, { believed: 'ready', ageMinutes: 60, repairs: 0 })],
      capacity: agents.length,
      nextIndex: 100,
      now: START,
      engineAnswers,
    };
    agents.forEach((agent, index) => world.rows.push(...rowsOf(agent, vms[index]!)));
    lost.forEach((each, index) =>
      world.rows.push(...rowsOf({ ...consistent({ ...each, role: 'agent', index: 50 + index }) }, each)),
    );
    return world;
  });

/** A VM that is still being made, or was never made, has not joined. */
function consistent({ index, role, provisioning, power, guest, joined }: Vm): Vm {
  const isMade = provisioning === 'succeeded' || provisioning === 'updating';
  return { index, role, provisioning, power, guest, joined: joined && isMade };
}

type Belief = Pick<AnyVm, 'believed' | 'ageMinutes' | 'repairs'>;
const rowsOf = (vm: Vm, belief: Belief): NodeRecord[] => (belief.believed ? [rowOf(vm, belief)] : []);

function rowOf(vm: Vm, { believed, ageMinutes, repairs }: Belief): NodeRecord {
  const at = new Date(START - ageMinutes * 60_000).toISOString();
  const state = believed ?? 'expected';
  const hasJoined = ['ready', 'notReady', 'draining', 'leaving', 'parked'].includes(state);
  const base = vm.role === 'master' ? 'master0' : `agents-${vm.index}`;
  return {
    ...nodeRecord('demo', vm.index),
    role: vm.role,
    vmId: vmIdOf(vm.index),
    instanceId: instanceIdOf(vm),
    nodeName: `${base}-${vmIdOf(vm.index).slice(0, 8)}`,
    state,
    since: at,
    createdAt: at,
    awaitedSince: at,
    goingDown: state === 'parked',
    registeredAt: hasJoined ? at : '',
    repairs,
  };
}

/** Agents that are well or can be helped: none is dead for ever, and Azure made the VMs of those that joined. */
export function withoutHopeless(world: World): World {
  const joined = new Set(world.rows.filter(({ registeredAt }) => registeredAt).map(({ vmId }) => vmId));
  for (const agent of agentsOf(world)) {
    if (agent.guest === 'dead') agent.guest = 'hung';
    if (agent.provisioning === 'failed' && joined.has(vmIdOf(agent.index))) agent.provisioning = 'succeeded';
  }
  const rows = world.rows.map((row) => ({ ...row, repairs: 0 }));
  return { ...world, rows, engineAnswers: true };
}
