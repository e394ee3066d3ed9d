import type { InstanceViewStatus, VirtualMachine, VirtualMachineScaleSetVM } from '@azure/arm-compute';
import { computeGroup, SCALE_SET } from '../model/cluster';
import type { NodeRole } from '../model/node';
import type { Machine } from '../ports';
import type { AzureClients } from './clients';
import { foundOrUndefined } from './errors';

/** Names of master VMs; other VMs that somebody put into the group are none of ours. */
const MASTER = /^master\d+$/i;

/**
 * Masters, then agents. A listing of plain VMs cannot be expanded with their power state (the filter that this needs
 * selects scale-set members), so each of the at most five masters is read as well; agents come expanded, a page a call.
 */
export async function listMachines(clients: AzureClients, cluster: string): Promise<Machine[]> {
  const [masters, agents] = await Promise.all([listMasters(clients, cluster), listAgents(clients, cluster)]);
  return [...masters, ...agents].sort(byRoleAndId);
}

export async function getMachine(
  clients: AzureClients,
  cluster: string,
  role: NodeRole,
  instanceId: string,
): Promise<Machine | undefined> {
  const group = computeGroup(cluster);
  const { virtualMachines, virtualMachineScaleSetVMs } = clients.compute();
  if (role === 'master') {
    const vm = await foundOrUndefined(() => virtualMachines.get(group, instanceId, { expand: 'instanceView' }));
    return vm && masterOf(vm);
  }
  const vm = await foundOrUndefined(() =>
    virtualMachineScaleSetVMs.get(group, SCALE_SET, instanceId, { expand: 'instanceView' }),
  );
  return vm && agentOf(vm);
}

/** Ids that Azure lists now, being deleted ones left out. */
export async function listInstanceIds(clients: AzureClients, cluster: string): Promise<Set<string>> {
  const ids = await foundOrUndefined(async () => {
    const found = new Set<string>();
    for await (const vm of clients.compute().virtualMachineScaleSetVMs.list(computeGroup(cluster), SCALE_SET)) {
      if (vm.instanceId && !/deleting/i.test(vm.provisioningState ?? '')) found.add(vm.instanceId);
    }
    return found;
  });
  return ids ?? new Set();
}

async function listMasters(clients: AzureClients, cluster: string): Promise<Machine[]> {
  const names = await foundOrUndefined(async () => {
    const found: string[] = [];
    for await (const vm of clients.compute().virtualMachines.list(computeGroup(cluster))) {
      if (vm.name && MASTER.test(vm.name)) found.push(vm.name);
    }
    return found;
  });
  const masters = await Promise.all((names ?? []).map((name) => getMachine(clients, cluster, 'master', name)));
  return masters.filter((master) => master !== undefined);
}

async function listAgents(clients: AzureClients, cluster: string): Promise<Machine[]> {
  const agents = await foundOrUndefined(async () => {
    const found: Machine[] = [];
    const pages = clients.compute().virtualMachineScaleSetVMs.list(computeGroup(cluster), SCALE_SET, {
      expand: 'instanceView',
    });
    for await (const vm of pages) {
      const machine = agentOf(vm);
      if (machine) found.push(machine);
    }
    return found;
  });
  return agents ?? [];
}

function byRoleAndId(left: Machine, right: Machine): number {
  if (left.role !== right.role) return left.role === 'master' ? -1 : 1;
  return left.instanceId.localeCompare(right.instanceId, 'en', { numeric: true });
}

/** Undefined while Azure has not yet given it a vmId, by which alone a machine is known. Azure's casing of ids varies. */
function masterOf(vm: VirtualMachine): Machine | undefined {
  return vm.vmId && vm.name
    ? { ...viewOf(vm), vmId: vm.vmId.toLowerCase(), role: 'master', instanceId: vm.name.toLowerCase() }
    : undefined;
}

function agentOf(vm: VirtualMachineScaleSetVM): Machine | undefined {
  return vm.vmId && vm.instanceId
    ? { ...viewOf(vm), vmId: vm.vmId.toLowerCase(), role: 'agent', instanceId: vm.instanceId }
    : undefined;
}

/** No address: ARM tells it only through the network provider; the engine's node carries it. */
function viewOf(vm: VirtualMachine | VirtualMachineScaleSetVM): Omit<Machine, 'vmId' | 'role' | 'instanceId'> {
  const statuses = vm.instanceView?.statuses ?? [];
  const provisioning = provisioningOf(vm.provisioningState);
  return {
    computerName: vm.instanceView?.computerName ?? vm.osProfile?.computerName ?? '',
    resourceId: vm.id ?? '',
    size: sizeOf(vm),
    provisioning,
    power: powerOf(statuses),
    createdAt: vm.timeCreated?.toISOString() ?? '',
    address: '',
    ...(provisioning === 'failed' ? { failure: failureIn(statuses) } : {}),
  };
}

/** A scale set's instance tells it as its SKU, a single VM in its hardware profile. */
const sizeOf = (vm: VirtualMachine | VirtualMachineScaleSetVM): string =>
  ('sku' in vm ? vm.sku?.name : undefined) ?? vm.hardwareProfile?.vmSize ?? '';

const PROVISIONING: ReadonlySet<string> = new Set(['creating', 'updating', 'succeeded', 'failed', 'deleting']);

/** Rarer states (`Migrating`, `Canceled`) count as updating: something else may still follow. */
export function provisioningOf(state: string | undefined): Machine['provisioning'] {
  const known = (state ?? '').toLowerCase();
  return PROVISIONING.has(known) ? (known as Machine['provisioning']) : 'updating';
}

const POWERS: ReadonlySet<string> = new Set([
  'starting',
  'running',
  'stopping',
  'stopped',
  'deallocating',
  'deallocated',
]);

/** `PowerState/running` among the statuses. */
function powerOf(statuses: InstanceViewStatus[]): Machine['power'] {
  const code = statuses.find((status) => /^PowerState\//i.test(status.code ?? ''))?.code ?? '';
  const known = code.slice(code.indexOf('/') + 1).toLowerCase();
  return POWERS.has(known) ? (known as Machine['power']) : 'unknown';
}

/** `ProvisioningState/failed/AllocationFailed` with its message. */
function failureIn(statuses: InstanceViewStatus[]): { code: string; message: string } {
  const status = statuses.find(({ code }) => /^ProvisioningState\/failed/i.test(code ?? ''));
  return {
    code: status?.code?.split('/')[2] ?? 'ProvisioningFailed',
    message: status?.message ?? status?.displayStatus ?? 'Provisioning failed',
  };
}
