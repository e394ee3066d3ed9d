import { randomUUID } from 'node:crypto';
import type { Handler } from '../azure/http';
import type { Clock } from '../clock';
import type { K3s } from '../engines/k3s/k3s';
import type { Swarm } from '../engines/swarm/swarm';
import type { Scheduler } from '../scheduler';
import type { Store } from '../store';
import { createBootFailures } from './boot-failures';
import { hasUnit } from './custom-data';
import { createK3sGuest } from './engines/k3s';
import { createSwarmGuest } from './engines/swarm';
import {
  chance,
  engineOf,
  firstTask,
  liveGuest,
  roleOf,
  save,
  schedule,
  type GuestJob,
  type GuestTask,
  type GuestWorld,
} from './guest';
import { noticeEvents, runEvent, watchesEvents, type EventTask } from './guest-events';
import { runJoin } from './guest-join';
import { runReady } from './guest-ready';
import { runStorage } from './guest-storage';
import type { MachineInventory } from './inventory';
import type { MachineDriver, MachineSpec } from './machine';
import type { MachineState } from './machine-state';
import { runScript } from './run-command';
import { createStarlingClient } from './starling-client';

export interface SimulatedMachinesDependencies {
  inventory: MachineInventory;
  store: Store;
  clock: Clock;
  scheduler: Scheduler;
  k3s: K3s;
  swarm: Swarm;
  /** Asked only when a guest needs it, so that IMDS may be made later. */
  imds: () => Handler;
  fetch: typeof globalThis.fetch;
  log: (message: string) => void;
  /** The same seed gives the same delays. */
  seed?: number;
}

/** One line about a machine, for `/_local/state`. */
export interface MachineSummary {
  vmId: string;
  name: string;
  power: MachineState['power'];
  phase: string;
  nodeName: string;
}

export interface SimulatedMachines extends MachineDriver {
  /** Azure asks the guest to reboot or to power off, and its services can tell: a machine that comes back does not leave. */
  shutdown(vmId: string, graceful: boolean, comesBack?: boolean): void;
  list(): MachineSummary[];
  /** `POST /_local/boot-failures`. */
  control: Handler;
}

const BOOT_MIN_MS = 8_000;
const BOOT_SPREAD_MS = 17_000; // until the kernel runs: 8 to 25 s, as small Azure VMs take
const INSTALL_MIN_MS = 4_000; // cloud-init's stages and the download of the engine
const INSTALL_SPREAD_MS = 8_000;
const ENABLED_UNIT_MS = 2_000; // units of a disk that has joined start with the system
const SHUTDOWN_MS = 2_000;
const LEAVE_UNIT = 'starling-leave.service';
const JOBS: readonly GuestJob[] = ['up', 'join', 'engine', 'ready', 'event', 'storage'];

/**
 * VMs whose guests do what customData tells real ones to do: boot, attest, join, report, leave and die. Driven by
 * persisted timers, one per step and none while nothing happens.
 */
export function createSimulatedMachines(dependencies: SimulatedMachinesDependencies): SimulatedMachines {
  const { inventory, store, clock, scheduler, k3s, swarm, imds, fetch, log, seed = 1 } = dependencies;
  const client = createStarlingClient(imds, fetch, clock);
  const engines = { k3s: createK3sGuest(k3s), swarm: createSwarmGuest(swarm) };
  const world: GuestWorld = { inventory, engines, client, clock, scheduler, seed, log };
  const failures = createBootFailures(store);

  handle<GuestTask>(world, 'up', kernelUp);
  handle<GuestTask>(world, 'join', runJoin);
  handle<GuestTask>(world, 'engine', (of, task) => {
    const spec = inventory.spec(task.vmId);
    return spec && engineOf(of, spec)?.run(of, task);
  });
  handle<GuestTask>(world, 'ready', async (of, task) => void (await runReady(of, task)));
  handle<EventTask>(world, 'event', runEvent);
  handle<GuestTask>(world, 'storage', runStorage);
  scheduler.on<GuestTask>('machine-off', ({ vmId, bootId }) => {
    const state = inventory.state(vmId);
    if (state?.power === 'stopping' && state.bootId === bootId) powerOff(world, vmId, true);
  });

  return {
    control: failures.control,
    list: () =>
      inventory.list().map(({ spec, state: { vmId, power, phase, disk } }) => ({
        vmId,
        name: spec.name,
        power,
        phase,
        nodeName: disk.ticket?.nodeName ?? '',
      })),
    boot(spec) {
      if (inventory.state(spec.vmId)?.power === 'stopping') powerOff(world, spec.vmId, true);
      const state = inventory.register(spec);
      if (state.power !== 'off') return;
      const failure = spec.scaleSet ? failures.next() : undefined;
      beginBoot(world, spec, { ...state, failure: failure?.kind }, failure?.kind === 'slow' ? failure.delayMs : 0);
    },
    shutdown(vmId, graceful, comesBack = false) {
      const state = inventory.state(vmId);
      if (!state || ['off', 'stopping'].includes(state.power)) return;
      if (graceful && state.power === 'up') stopGracefully(world, state, comesBack);
      else powerOff(world, vmId, false);
    },
    wipe(vmId) {
      const [spec, state] = [inventory.spec(vmId), inventory.state(vmId)];
      if (!spec || !state) return;
      powerOff(world, vmId, false);
      engineOf(world, spec)?.forget(world, { spec, state });
      save(world, inventory.state(vmId) ?? state, { disk: {}, journal: [] });
    },
    destroy(vmId) {
      const [spec, state] = [inventory.spec(vmId), inventory.state(vmId)];
      if (!spec || !state) return;
      powerOff(world, vmId, false);
      engineOf(world, spec)?.forget(world, { spec, state });
      inventory.remove(vmId);
    },
    hang(vmId) {
      if (inventory.state(vmId)?.power !== 'up') return;
      powerOff(world, vmId, false);
      const state = inventory.state(vmId);
      if (state) save(world, state, { power: 'hung', phase: 'hung' });
    },
    announce(vmId, event) {
      const [spec, state] = [inventory.spec(vmId), inventory.state(vmId)];
      if (!spec || !state) return;
      inventory.scheduledEvents.announce(spec, event);
      noticeEvents(world, { spec, state });
    },
    hearsEvents(vmId) {
      const [spec, state] = [inventory.spec(vmId), inventory.state(vmId)];
      if (!spec || !state) return false;
      return inventory.scheduledEvents.isOn(vmId, clock.now()) || (state.power !== 'off' && watchesEvents(world, spec));
    },
    async runCommand(vmId, script) {
      const [spec, state] = [inventory.spec(vmId), inventory.state(vmId)];
      if (!spec || state?.power !== 'up') throw new Error(`the VM agent of ${vmId} does not answer`);
      return runScript(world, { spec, state }, script);
    },
  };
}

const UNIT_RESTART_MS = 30_000; // RestartSec of the units

/** A job that throws is reported and started again, as systemd does with a unit that fails. */
function handle<T extends GuestTask>(
  world: GuestWorld,
  job: GuestJob,
  run: (world: GuestWorld, task: T) => void | Promise<void>,
): void {
  world.scheduler.on<T>(`machine-${job}`, async (task) => {
    try {
      await run(world, task);
    } catch (error) {
      schedule(world, job, { ...task, attempt: task.attempt + 1 }, UNIT_RESTART_MS);
      throw error;
    }
  });
}

function beginBoot(world: GuestWorld, spec: MachineSpec, state: MachineState, extraMs: number): void {
  const boots = state.boots + 1;
  const booting = save(world, state, {
    power: 'booting',
    phase: 'booting',
    bootId: randomUUID(),
    boots,
  });
  if (booting.failure === 'never-boots') return;
  const delayMs = BOOT_MIN_MS + chance(world, 'boot', spec.name, boots) * BOOT_SPREAD_MS;
  schedule(world, 'up', firstTask(world, booting), delayMs + extraMs);
}

/** systemd starts what is enabled: an engine that has its configuration, and the request for a ticket. */
function kernelUp(world: GuestWorld, task: GuestTask): void {
  const [spec, state] = [world.inventory.spec(task.vmId), world.inventory.state(task.vmId)];
  if (!spec || state?.power !== 'booting' || state.bootId !== task.bootId) return;
  const { environment } = world.inventory.customData(spec);
  const isReturning = state.disk.ticket !== undefined;
  const phase = environment.STARLING_URL === undefined ? 'idle: customData names no app' : 'cloud-init';
  const up = save(world, state, { power: 'up', upSince: world.clock.now(), phase }, 'kernel: Linux is up');
  if (environment.STARLING_URL === undefined || state.failure === 'never-joins') return;
  const installMs = INSTALL_MIN_MS + chance(world, 'install', spec.name, state.boots) * INSTALL_SPREAD_MS;
  if (isReturning) schedule(world, 'engine', firstTask(world, up), ENABLED_UNIT_MS);
  schedule(world, 'join', firstTask(world, up), isReturning ? 2 * ENABLED_UNIT_MS : installMs);
  noticeEvents(world, { spec, state: up });
}

/** Says farewell as well as two seconds allow; the power goes off whatever comes of it. */
function stopGracefully(world: GuestWorld, state: MachineState, comesBack: boolean): void {
  const guest = liveGuest(world, state);
  const stopping = save(world, state, { power: 'stopping', phase: 'stopping' });
  world.scheduler.schedule('machine-off', state.vmId, world.clock.now() + SHUTDOWN_MS, firstTask(world, stopping));
  if (comesBack || !guest || state.phase === 'leaving' || state.disk.ticket === undefined) return;
  const data = world.inventory.customData(guest.spec);
  if (roleOf(world, guest.spec) === 'agent' && hasUnit(data, LEAVE_UNIT))
    void world.client.post(guest, 'leave', data.environment);
}

/** Everything of this boot ends; a repeat is harmless. */
function powerOff(world: GuestWorld, vmId: string, graceful: boolean): void {
  const [spec, state] = [world.inventory.spec(vmId), world.inventory.state(vmId)];
  if (!spec || !state) return;
  for (const job of [...JOBS, 'off']) world.scheduler.cancel(`machine-${job}`, vmId);
  engineOf(world, spec)?.stop(world, { spec, state }, graceful);
  save(world, state, { power: 'off', phase: 'off', bootId: '', failure: undefined, approved: undefined });
  world.inventory.scheduledEvents.forget(spec);
}
