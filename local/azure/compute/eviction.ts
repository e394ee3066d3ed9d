import { conflict } from '../arm/errors';
import type { SimResponse } from '../http';
import type { Compute } from './compute';
import type { Machine } from './machines';
import { capacityOf, setCapacity } from './scale-set';
import { isAllocated } from './steps';
import { forgetVm } from './vm';

const NOTICE = 'eviction-notice';
const EVICT = 'eviction';
const NOTICE_MS = 30_000; // Preempt gives half a minute, best effort

interface Due {
  vmId: string;
  eventId: string;
}

/** `simulateEviction`: 204 now, the eviction some time later. Spot only. */
export function simulateEviction(compute: Compute, machine: Machine): SimResponse {
  if (machine.priority !== 'Spot') {
    throw conflict(
      'OperationNotAllowed',
      "The operation 'simulateEviction' is only supported on Azure Spot Virtual Machines.",
    );
  }
  if (machine.power !== 'running') {
    throw conflict('OperationNotAllowed', `The operation 'simulateEviction' needs '${machine.name}' to be running.`);
  }
  const { core } = compute;
  const delayMs = core.chance.within(core.latencies.evictionNotice, `${machine.vmId}/evict/${machine.version}`);
  evict(compute, machine, delayMs);
  const type = machine.scaleSet ? 'virtualMachineScaleSets/virtualMachines' : 'virtualMachines';
  core.emit(
    {
      kind: 'Action',
      subject: machine.id,
      operationName: `Microsoft.Compute/${type}/simulateEviction/action`,
      method: 'POST',
    },
    true,
  );
  return { status: 204 };
}

/** The platform wants the place back: a notice, then the end by the eviction policy. No event tells of it. */
export function evict({ core }: Compute, machine: Machine, delayMs = 0): void {
  const eventId = core.chance.guid(`preempt/${machine.vmId}/${machine.version}`);
  core.scheduler.schedule(NOTICE, machine.vmId, core.clock.now() + delayMs, { vmId: machine.vmId, eventId });
}

/** The machine agreed to go before its time was up. */
export function approveEviction({ core }: Compute, eventId: string): boolean {
  const vmId = core.store.list<string>('evictions').find(([, id]) => id === eventId)?.[0];
  if (vmId === undefined) return false;
  core.scheduler.schedule(EVICT, vmId, core.clock.now(), { vmId, eventId });
  return true;
}

export function registerEvictions(compute: Compute): void {
  const { core, machines } = compute;
  core.scheduler.on<Due>(NOTICE, ({ vmId, eventId }) => {
    const machine = machines.byVmId(vmId);
    if (!machine || machine.power !== 'running') return;
    core.store.put('evictions', vmId, eventId);
    core.driver.announce(vmId, {
      EventId: eventId,
      EventType: 'Preempt',
      ResourceType: 'VirtualMachine',
      Resources: [machine.name],
      EventStatus: 'Scheduled',
      NotBefore: new Date(core.clock.now() + NOTICE_MS).toUTCString(),
      Description: 'The virtual machine is being evicted.',
      EventSource: 'Platform',
      DurationInSeconds: -1,
    });
    core.scheduler.schedule(EVICT, vmId, core.clock.now() + NOTICE_MS, { vmId, eventId });
  });
  core.scheduler.on<Due>(EVICT, ({ vmId }) => {
    core.store.delete('evictions', vmId);
    const machine = machines.byVmId(vmId);
    if (machine) takeAway(compute, machine);
  });
}

function takeAway(compute: Compute, machine: Machine): void {
  const { core, machines, capacity } = compute;
  if (machine.evictionPolicy === 'Delete') return vanish(compute, machine);
  if (machine.step) core.operations.partDone(machine.step.operation, evicted);
  core.driver.shutdown(machine.vmId, false);
  if (isAllocated(machine)) capacity.release(machine.size);
  machines.put({ ...machine, power: 'deallocated', provisioningState: 'Succeeded', step: undefined });
}

/** The instance is gone without a word: no event, the capacity lowered. */
export function vanish(compute: Compute, machine: Machine): void {
  const { core, machines, capacity } = compute;
  if (machine.step) core.operations.partDone(machine.step.operation, evicted);
  if (isAllocated(machine)) capacity.release(machine.size);
  machines.remove(machine);
  forgetVm(compute, machine);
  const scaleSet = machine.scaleSet && core.resources.get(machine.scaleSet.id);
  if (scaleSet) setCapacity(compute, scaleSet.id, capacityOf(scaleSet) - 1);
}

const evicted = { code: 'OperationPreempted', message: 'The VM was evicted while the operation was in progress.' };
