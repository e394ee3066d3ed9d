import type { Core } from '../core';
import type { ErrorBody } from '../arm/errors';
import { allocationFailed, type Capacity } from './capacity';
import type { Machine, Machines, Power, Verb } from './machines';

/** Moves machines through their transitions, each of which takes time and reports to an operation. */
export interface Steps {
  begin(machine: Machine, step: StepDraft): void;
  /** A deletion was approved by its machine before the time was up. */
  afterRemoval(run: (machine: Machine) => void): void;
}

export interface StepDraft {
  verb: Verb;
  operation: string;
  /** Power off without asking the guest. */
  force?: boolean;
  /** Wait before the transition starts: a machine's notice of termination. */
  delayMs?: number;
  /** Size that an update brings the machine to; a running one restarts for it. */
  size?: string;
}

interface Due {
  id: string;
  operation: string;
  force?: boolean;
}

const START = 'machine-begin';
const BOOT = 'machine-boot';
const END = 'machine-end';
/** Azure starts the guest well before it calls the VM provisioned. */
const BOOT_AT = 0.4;
const SLOW_SHARE = 0.05;

const DURING: Partial<Record<Verb, Power>> = {
  start: 'starting',
  restart: 'starting',
  reimage: 'starting',
  redeploy: 'starting',
  powerOff: 'stopping',
  deallocate: 'deallocating',
};

export function createSteps(core: Core, machines: Machines, capacity: Capacity): Steps {
  const { scheduler, clock, driver, operations, chance, latencies } = core;
  const removed: ((machine: Machine) => void)[] = [];

  const current = (due: Due): Machine | undefined => {
    const machine = machines.get(due.id);
    return machine?.step?.operation === due.operation ? machine : undefined;
  };
  const schedule = (kind: string, machine: Machine, afterMs: number, due: Due): void =>
    scheduler.schedule(kind, machine.vmId, clock.now() + afterMs, due);

  const end = (machine: Machine, changes: Partial<Machine>, error?: ErrorBody): void => {
    const operation = machine.step?.operation;
    machines.put({ ...machine, ...changes, step: undefined });
    if (operation) operations.partDone(operation, error);
  };

  const durationOf = (machine: Machine, verb: Verb): number => {
    const key = `${machine.vmId}/${verb}/${machine.version}`;
    if (verb === 'delete') return chance.within(latencies.vmDelete, key);
    if (verb !== 'create') return chance.within(latencies.power, key);
    if (!machine.scaleSet) return chance.within(latencies.vmCreate, key);
    const slow = chance.unit(`slow/${key}`) < SLOW_SHARE ? 1 + chance.unit(`slower/${key}`) : 1;
    return Math.round(chance.within(latencies.instanceCreate, key) * slow);
  };

  /** False when there is no room: the step then ends as Azure's would, a little later. A resize looks for its place first. */
  const roomFor = (machine: Machine, verb: Verb): boolean => {
    if (isResize(machine) && isAllocated(machine)) {
      if (!capacity.allocate(machine.step?.size ?? machine.size)) return false;
      capacity.release(machine.size);
      return true;
    }
    const needsRoom = verb === 'create' || (bootsAtEnd(verb) && !isAllocated(machine));
    return !needsRoom || capacity.allocate(machine.size);
  };

  const start = ({ force, ...due }: Due): void => {
    const machine = current(due);
    const verb = machine?.step?.verb;
    if (!machine || !verb) return;
    if (!roomFor(machine, verb)) {
      const failing = machines.put({ ...machine, error: allocationFailed(machine.size) });
      schedule(END, failing, chance.within(latencies.allocationFailure, `${machine.vmId}/${machine.version}`), due);
      return;
    }
    const durationMs = durationOf(machine, verb);
    const wasRunning = machine.power === 'running';
    const restarts = wasRunning && isResize(machine);
    const boots = restarts || (bootsAtEnd(verb) && !(verb === 'start' && wasRunning));
    machines.put({
      ...machine,
      size: machine.step?.size ?? machine.size,
      power: verb === 'create' || restarts ? 'starting' : powerDuring(verb, machine.power),
      step: machine.step && { ...machine.step, boots },
    });
    if (restarts || ['powerOff', 'deallocate', 'restart', 'redeploy', 'delete'].includes(verb))
      driver.shutdown(machine.vmId, !force, restarts || verb === 'restart' || verb === 'redeploy');
    if (verb === 'reimage') {
      driver.shutdown(machine.vmId, false);
      driver.wipe(machine.vmId);
    }
    if (verb === 'create') schedule(BOOT, machine, Math.round(durationMs * BOOT_AT), due);
    schedule(END, machine, durationMs, due);
  };

  const boot = (due: Due): void => {
    const machine = current(due);
    if (!machine) return;
    machines.boot(machines.put({ ...machine, power: 'running' }));
  };

  const finish = (due: Due): void => {
    const machine = current(due);
    const verb = machine?.step?.verb;
    if (!machine || !verb) return;
    if (machine.error) return end(machine, { provisioningState: 'Failed' }, machine.error);
    if (verb === 'delete') {
      if (isAllocated(machine)) capacity.release(machine.size);
      machines.remove(machine);
      for (const listener of removed) listener(machine);
      return operations.partDone(due.operation);
    }
    if (verb === 'deallocate' && isAllocated(machine)) capacity.release(machine.size);
    const boots = machine.step?.boots === true;
    end(machine, {
      provisioningState: 'Succeeded',
      power: boots ? 'running' : powerAfter(verb, machine.power),
      latestModelApplied: verb === 'update' || machine.latestModelApplied,
    });
    if (boots) machines.boot(machines.get(machine.id) ?? machine);
  };

  scheduler.on<Due>(START, start);
  scheduler.on<Due>(BOOT, boot);
  scheduler.on<Due>(END, finish);

  return {
    afterRemoval: (run) => void removed.push(run),
    begin(machine, { verb, operation, force, size, delayMs = 0 }) {
      const overtaken = machine.step?.operation;
      const next = machines.put({
        ...machine,
        error: undefined,
        step: { verb, operation, since: clock.now(), size },
        provisioningState: verb === 'create' ? 'Creating' : verb === 'delete' ? 'Deleting' : 'Updating',
      });
      scheduler.cancel(START, machine.vmId);
      scheduler.cancel(BOOT, machine.vmId);
      scheduler.cancel(END, machine.vmId);
      if (overtaken && overtaken !== operation) operations.partDone(overtaken, preempted);
      const due = { id: next.id, operation, force };
      if (delayMs > 0) schedule(START, next, delayMs, due);
      else start(due);
    },
  };
}

export const isAllocated = (machine: Machine): boolean =>
  machine.power !== undefined && machine.power !== 'deallocated';

const isResize = ({ size, step }: Machine): boolean => step?.size !== undefined && step.size !== size;

const bootsAtEnd = (verb: Verb): boolean => ['start', 'restart', 'reimage', 'redeploy'].includes(verb);

/** What is deallocated has nothing left to be stopped. */
function powerDuring(verb: Verb, before: Power | undefined): Power | undefined {
  const isOff = before === undefined || before === 'deallocated';
  if (isOff && (verb === 'powerOff' || verb === 'deallocate')) return before;
  return verb === 'start' && before === 'running' ? 'running' : (DURING[verb] ?? before);
}

function powerAfter(verb: Verb, during: Power | undefined): Power | undefined {
  if (verb === 'powerOff') return during === 'stopping' ? 'stopped' : during;
  if (verb === 'deallocate') return 'deallocated';
  return verb === 'update' ? during : 'running';
}

export const preempted: ErrorBody = {
  code: 'OperationPreempted',
  message: 'Operation execution has been preempted by a more recent operation.',
};
