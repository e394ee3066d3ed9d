import type { Guest, GuestTask, GuestWorld } from '../guest';
import type { Disk, Ticket } from '../machine-state';

/**
 * What an engine is to the machine that it runs on: the part that `starling-engine.sh` and the engine's own units play on a
 * real one. Calls for a machine without a ticket, or with one that does not run, are harmless.
 */
export interface GuestEngine {
  /** Units of the engine, without `.service`, and as whom it writes into the journal. */
  journal: { units: RegExp; writer: string };
  /** What the script for upgrades takes as an argument. */
  version: { pattern: RegExp; example: string };
  /** Whether the ticket, of the right role and with a name, is all that the engine needs. */
  accepts(ticket: Ticket): boolean;
  /** Claims of `/join` beside those of every machine; undefined while the engine does not know yet. */
  joinClaims(world: GuestWorld, guest: Guest): { rejoin?: true } | undefined;
  /** What is on the disk when the engine starts with the ticket; undefined when it runs with it already. */
  takeTicket(world: GuestWorld, guest: Guest, ticket: Ticket): Disk | undefined;
  /** The engine's unit, at a boot and after a ticket: one try, which goes on by itself until the engine runs. */
  run(world: GuestWorld, task: GuestTask): void | Promise<void>;
  /** Claims of `/ready`; undefined while there is nothing to tell yet. */
  readyClaims(world: GuestWorld, guest: Guest): object | undefined;
  /** Gracefully: the engine says so to its cluster, where it does such a thing. */
  stop(world: GuestWorld, guest: Guest, isGraceful: boolean): void;
  /** The disk of a machine that is off is lost. */
  forget(world: GuestWorld, guest: Guest): void;
  /** Saves the cluster's state on a master, or says why it cannot. */
  snapshot(world: GuestWorld, guest: Guest, name: string): Snapshot;
  /** Makes Starling's credential worthless and has a new one. False while that is not possible. */
  renewCredential(world: GuestWorld, guest: Guest): boolean;
}

export type Snapshot = { ok: true; saved: string; output: string } | { ok: false; message: string };
