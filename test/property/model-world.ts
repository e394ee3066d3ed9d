import type { ClusterSpec } from '../../shared/model/cluster';
import type { NodeRecord, NodeState } from '../../shared/model/node';
import { observe, type EngineView, type MachineView } from '../../shared/model/observe';
import { plan, type Action, type Plan } from '../../shared/model/plan';

export const START = Date.parse('2026-01-01T00:00:00.000Z');
export const vmIdOf = (index: number): string => `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

/** A VM of a world that is nothing but data. */
export interface Vm {
  index: number;
  role: 'master' | 'agent';
  provisioning: MachineView['provisioning'];
  power: 'running' | 'stopped' | 'deallocated';
  /** What its kubelet does once it runs: `dead` never reports, `hung` does again after a restart. */
  guest: 'well' | 'hung' | 'dead';
  /** It has joined: the engine lists its node. */
  joined: boolean;
}

export interface World {
  spec: ClusterSpec;
  vms: Vm[];
  rows: NodeRecord[];
  capacity: number;
  nextIndex: number;
  now: number;
  engineAnswers: boolean;
}

export const instanceIdOf = ({ role, index }: Vm): string => (role === 'master' ? 'master0' : `${index}`);
export const agentsOf = ({ vms }: World): Vm[] => vms.filter(({ role }) => role === 'agent');

export const machinesOf = ({ vms }: World): MachineView[] =>
  vms.map((vm) => ({
    vmId: vmIdOf(vm.index),
    role: vm.role,
    instanceId: instanceIdOf(vm),
    provisioning: vm.provisioning,
    power: vm.provisioning === 'creating' ? 'unknown' : vm.power,
    address: '',
  }));

export function engineOf(world: World): EngineView[] | undefined {
  if (!world.engineAnswers) return undefined;
  return world.vms
    .filter(({ joined }) => joined)
    .map((vm) => ({
      name: `${vm.role === 'agent' ? `agents-${vm.index}` : 'master0'}-${vmIdOf(vm.index).slice(0, 8)}`,
      uid: `uid-${vm.index}`,
      ready: vm.power === 'running' && vm.guest === 'well',
      address: '',
    }));
}

/** One look, with its findings written down as the activity does. */
export function lookAt(world: World): ReturnType<typeof observe> {
  const now = new Date(world.now).toISOString();
  const sight = { cluster: 'demo', machines: machinesOf(world), engine: engineOf(world), now, cause: 'timer' };
  const findings = observe({ ...sight, rows: world.rows });
  const rows = new Map([...world.rows, ...findings.changed].map((row) => [row.vmId, row]));
  for (const { vmId } of findings.gone) rows.delete(vmId);
  world.rows = [...rows.values()];
  return findings;
}

export const planFor = (world: World): Plan =>
  plan({
    spec: world.spec,
    rows: world.rows,
    machines: machinesOf(world),
    capacity: world.capacity,
    engineReachable: world.engineAnswers,
    halted: false,
    now: world.now,
  });

/** Does what an action says, as Azure would: new VMs take a minute or two, removed ones are gone at the next look. */
export function apply(world: World, action: Action): void {
  const chosen = 'vmIds' in action ? world.vms.filter(({ index }) => action.vmIds.includes(vmIdOf(index))) : [];
  switch (action.kind) {
    case 'retire':
    case 'replace':
      if (chosen.some(({ role }) => role === 'master')) throw new Error('a master was removed');
      world.vms = world.vms.filter((vm) => !chosen.includes(vm));
      world.capacity -= chosen.length;
      return;
    case 'start':
      for (const vm of chosen) vm.power = 'running';
      return repaired(world, action.vmIds);
    case 'restart':
      for (const vm of chosen) if (vm.guest === 'hung') vm.guest = 'well';
      return repaired(world, action.vmIds);
    case 'startMaster':
      for (const vm of world.vms) if (vm.role === 'master') vm.power = 'running';
      return;
    case 'grow':
      startParked(world, action.agents - servingOf(world));
      world.capacity += Math.max(0, action.agents - servingOf(world));
      while (agentsOf(world).length < world.capacity) create(world);
      return;
    case 'adopt':
      world.spec = { ...world.spec, agents: { ...world.spec.agents, count: action.agents } };
  }
}

const isParked = (world: World, { index }: Vm): boolean =>
  world.rows.some(({ vmId, state }) => vmId === vmIdOf(index) && state === 'parked');
/** VMs that are not kept in reserve. */
export const servingOf = (world: World): number => agentsOf(world).filter((vm) => !isParked(world, vm)).length;

function startParked(world: World, count: number): void {
  const chosen = agentsOf(world)
    .filter((vm) => isParked(world, vm))
    .slice(0, Math.max(0, count));
  const awaitedSince = new Date(world.now).toISOString();
  for (const vm of chosen) vm.power = 'running';
  world.rows = world.rows.map((row) =>
    chosen.some(({ index }) => vmIdOf(index) === row.vmId)
      ? { ...row, state: 'booting', since: awaitedSince, awaitedSince, repairs: 0 }
      : row,
  );
}

function repaired(world: World, vmIds: string[]): void {
  world.rows = world.rows.map((row) => (vmIds.includes(row.vmId) ? { ...row, repairs: row.repairs + 1 } : row));
}

function create(world: World): void {
  const vm = { role: 'agent', provisioning: 'creating', power: 'running', guest: 'well', joined: false } as const;
  world.vms.push({ ...vm, index: world.nextIndex++ });
}

/** A minute passes: VMs come up, and those that are well join. */
export function pass(world: World, ms = 60_000): void {
  world.now += ms;
  for (const vm of world.vms) {
    if (vm.provisioning === 'creating' || vm.provisioning === 'updating') vm.provisioning = 'succeeded';
    else if (vm.provisioning === 'succeeded' && vm.power === 'running' && vm.guest === 'well') vm.joined = true;
  }
}

export interface Round {
  actions: Action[];
  phase: string;
  phaseReason: string;
  moves: [NodeState, NodeState][];
}

/** A reconcile: look, plan, act. Tells every change of a row's state. */
export function reconcile(world: World): Round {
  const before = new Map(world.rows.map(({ vmId, state }) => [vmId, state]));
  const { changed, gone } = lookAt(world);
  const moves = [...changed, ...gone].flatMap(({ vmId, state }): [NodeState, NodeState][] => {
    const from = before.get(vmId);
    return from && from !== state ? [[from, state]] : [];
  });
  const { actions, phase, phaseReason } = planFor(world);
  for (const action of actions) apply(world, action);
  return { actions, phase, phaseReason, moves };
}
