import { createHash } from 'node:crypto';
import type { Clock } from '../clock';
import type { Scheduler } from '../scheduler';
import type { GuestEngine } from './engines/guest-engine';
import type { MachineInventory } from './inventory';
import type { MachineSpec } from './machine';
import type { MachineState } from './machine-state';
import type { StarlingClient } from './starling-client';

/** What runs inside all guests, with the world around them. */
export interface GuestWorld {
  inventory: MachineInventory;
  /** By their names in customData. */
  engines: Partial<Record<string, GuestEngine>>;
  client: StarlingClient;
  clock: Clock;
  scheduler: Scheduler;
  seed: number;
  log: (message: string) => void;
}

/** Work of one boot of a machine; after a reboot, a crash or a hang it has no effect any more. */
export interface GuestTask {
  vmId: string;
  bootId: string;
  /** Tries before this one. */
  attempt: number;
  /** When the first try began. */
  since: number;
}

export interface Guest {
  spec: MachineSpec;
  state: MachineState;
}

export type GuestJob = 'up' | 'join' | 'engine' | 'ready' | 'event' | 'storage';

/** Schedules a job of this boot; the same job of the same machine replaces the one that waits. */
export function schedule(world: GuestWorld, job: GuestJob, task: GuestTask, delayMs: number): void {
  const at = world.clock.now() + Math.max(1, Math.round(delayMs));
  world.scheduler.schedule(`machine-${job}`, task.vmId, at, task);
}

export const firstTask = (world: GuestWorld, { vmId, bootId }: MachineState): GuestTask => ({
  vmId,
  bootId,
  attempt: 0,
  since: world.clock.now(),
});

/** The guest, when it is still in the boot that began the task and its kernel runs; read anew after every wait. */
export function liveGuest(world: GuestWorld, { vmId, bootId }: Pick<GuestTask, 'vmId' | 'bootId'>): Guest | undefined {
  const [spec, state] = [world.inventory.spec(vmId), world.inventory.state(vmId)];
  return spec && state?.power === 'up' && state.bootId === bootId ? { spec, state } : undefined;
}

const JOURNAL_LINES = 60;

/** Changes the state and writes a line to the journal, where `line` is not empty. */
export function save(
  world: Pick<GuestWorld, 'clock' | 'inventory'>,
  state: MachineState,
  change: Partial<MachineState>,
  line = '',
): MachineState {
  const stamp = new Date(world.clock.now()).toISOString();
  const journal = line === '' ? state.journal : [...state.journal, `${stamp} ${line}`].slice(-JOURNAL_LINES);
  const changed = { ...state, ...change, journal };
  world.inventory.save(changed);
  return changed;
}

/** A number in [0, 1) that is the same in every run with the same seed. */
export function chance(world: GuestWorld, ...about: (string | number)[]): number {
  const digest = createHash('sha256')
    .update([world.seed, ...about].join('/'))
    .digest();
  return digest.readUInt32BE() / 2 ** 32;
}

/** The name under which a master's API is reached. */
export const endpointName = ({ spec, state }: Guest): string =>
  state.disk.ticket?.tlsSans?.[0] ?? spec.fqdn ?? spec.computerName;

export const roleOf = (world: GuestWorld, spec: MachineSpec): 'master' | 'agent' =>
  world.inventory.customData(spec).environment.STARLING_ROLE === 'master' ? 'master' : 'agent';

export const clusterOf = (world: GuestWorld, spec: MachineSpec): string =>
  world.inventory.customData(spec).environment.STARLING_CLUSTER ?? '';

/** Undefined for a machine that is to run none. */
export const engineOf = (world: GuestWorld, spec: MachineSpec): GuestEngine | undefined =>
  world.engines[world.inventory.customData(spec).environment.STARLING_ENGINE ?? ''];
