import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../clock';
import { save } from '../guest';
import type { MachineInventory } from '../inventory';
import type { MachineState } from '../machine-state';
import type { ControlGroups } from './cgroups';
import { prepareDisk, removeDisk, type Image } from './disk';
import type { Fabrics } from './fabric';
import { startGuest, type GuestSystem } from './guest-system';
import type { Places } from './places';

export interface RealMachineDependencies {
  inventory: MachineInventory;
  clock: Clock;
  places: Places;
  cgroups: ControlGroups;
  fabrics: Fabrics;
  image: Image;
  log: (message: string) => void;
  /** The guest has powered itself off, or died: Azure's fabric notices. */
  onPoweredOff: (vmId: string) => void;
}

/** One VM as a container with an operating system of its own. Calls return at once; what they begin happens in their order. */
export interface RealMachine {
  /** Its operating system, while it runs. */
  readonly guest: GuestSystem | undefined;
  start(): void;
  /** Asks the guest, and pulls the plug when it takes too long. `reboot` tells it that it comes back. */
  stop(how: 'poweroff' | 'reboot'): void;
  /** Pulls the plug. */
  kill(): void;
  freeze(): void;
  /** Removes its disk. */
  wipe(): void;
  /** Resolves when everything that was begun has ended. */
  settled(): Promise<void>;
}

/** systemd waits 90 s for a service that does not stop; Azure has less patience with a machine. Real time. */
const PATIENCE_MS = 60_000;
/** A guest that has just begun to boot does not hear the power button. */
const PRESS_AGAIN_MS = 3_000;
const PHASE_POLL_MS = 300;

export function createRealMachine(dependencies: RealMachineDependencies, vmId: string): RealMachine {
  const { inventory, clock, places, cgroups, fabrics, image, log, onPoweredOff } = dependencies;
  const folder = join(places.nodesDir, vmId);
  const group = `${places.nodesGroup}/${vmId}`;
  let guest: GuestSystem | undefined;
  /** Counts wishes: work for an earlier one ends. */
  let wish = 0;
  let isAsked = false;
  let pulled = new AbortController();
  let last = Promise.resolve();

  const next = (job: () => Promise<void>): void => {
    last = last.then(job).catch((error: unknown) => log(`machine ${vmId}: ${String(error)}`));
  };
  const note = (change: Partial<MachineState>, line = ''): void => {
    const state = inventory.state(vmId);
    if (state) save({ inventory, clock }, state, change, line);
  };

  const boot = async (begun: number): Promise<void> => {
    const spec = inventory.spec(vmId);
    if (!spec || begun !== wish || guest) return;
    note({ power: 'booting', phase: 'booting' });
    const base = prepareDisk(folder, spec, inventory.customData(spec), image);
    const fabric = await fabrics.of(spec.resourceGroup);
    if (begun !== wish) return;
    const isCutOff = inventory.state(vmId)?.failure === 'never-joins';
    const started = await startGuest({ spec, folder, base, group, fabric, cgroups, isCutOff });
    if (begun !== wish) return cgroups.kill(group);
    guest = started;
    const boots = (inventory.state(vmId)?.boots ?? 0) + 1;
    const { bootId } = started;
    note({ power: 'up', phase: 'cloud-init', bootId, boots, upSince: clock.now() }, 'kernel: Linux is up');
    void started.ended.then((ending) => isOver(started, ending, begun));
    void follow(started);
  };

  /** Also when nobody asked for it: then the guest itself did, or died. */
  const isOver = (over: GuestSystem, ending: 'off' | 'reboot', begun: number): void => {
    if (guest !== over) return;
    guest = undefined;
    if (isAsked || begun !== wish) return;
    note({ power: 'off', phase: 'off', bootId: '' }, `kernel: ${ending === 'reboot' ? 'rebooting' : 'powered off'}`);
    next(pullPlug);
    if (ending === 'reboot') next(() => boot(begun));
    else onPoweredOff(vmId);
  };

  const follow = async (followed: GuestSystem): Promise<void> => {
    while (guest === followed) {
      const result = followed.read('/run/cloud-init/result.json');
      if (result !== undefined) return note(cloudInitPhase(result), `cloud-init: ${cloudInitPhase(result).phase}`);
      await wait(PHASE_POLL_MS);
    }
  };

  const stopGracefully = async (how: 'poweroff' | 'reboot', signal: AbortSignal): Promise<void> => {
    const stopping = guest;
    if (stopping) {
      const ended = new AbortController();
      const patience = wait(PATIENCE_MS, undefined, { signal: AbortSignal.any([signal, ended.signal]) });
      stopping.ask(how);
      const again = setInterval(() => stopping.ask(how), PRESS_AGAIN_MS);
      await Promise.race([stopping.ended, patience.catch(() => undefined)]);
      clearInterval(again);
      ended.abort();
    }
    await pullPlug();
    isAsked = false;
    if (inventory.state(vmId)?.power === 'stopping') switchedOff();
  };

  const pullPlug = async (): Promise<void> => {
    await cgroups.kill(group);
    await guest?.ended;
    guest = undefined;
  };

  const switchedOff = (): void => {
    const spec = inventory.spec(vmId);
    if (spec) inventory.scheduledEvents.forget(spec);
    note({ power: 'off', phase: 'off', bootId: '', failure: undefined, approved: undefined });
  };

  return {
    get guest() {
      return guest;
    },
    start() {
      const begun = ++wish;
      pulled = new AbortController();
      next(() => boot(begun));
    },
    stop(how) {
      isAsked = true;
      note({ power: 'stopping', phase: how === 'reboot' ? 'rebooting' : 'stopping' });
      const { signal } = pulled;
      next(() => stopGracefully(how, signal));
    },
    kill() {
      wish += 1;
      pulled.abort();
      switchedOff();
      next(pullPlug);
    },
    freeze() {
      note({ power: 'hung', phase: 'hung' });
      cgroups.freeze(group);
    },
    wipe() {
      next(async () => {
        await pullPlug();
        cgroups.remove(group);
        await removeDisk(folder);
      });
    },
    async settled() {
      for (let seen: Promise<void> | undefined; seen !== last;) await (seen = last);
    },
  };
}

/** Sample: `{"v1": {"datasource": "DataSourceNoCloud […]", "errors": []}}`. */
function cloudInitPhase(result: string): { phase: string } {
  const errors = /"errors":\s*\[\s*\]/.test(result) ? '' : result.replace(/\s+/g, ' ');
  return { phase: errors === '' ? 'running' : `cloud-init failed: ${errors}` };
}
