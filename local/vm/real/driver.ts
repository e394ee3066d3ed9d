import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Handler } from '../../azure/http';
import type { Clock } from '../../clock';
import type { Listener } from '../../listeners';
import type { Store } from '../../store';
import { createBootFailures } from '../boot-failures';
import { save } from '../guest';
import type { MachineInventory } from '../inventory';
import type { MachineDriver, MachineSpec } from '../machine';
import type { MachineSummary } from '../simulated';
import { controlGroups } from './cgroups';
import type { Image } from './disk';
import { openDoor } from './door';
import { createFabrics } from './fabric';
import { createRealMachine, type RealMachine } from './machine';
import { placesOf } from './places';
import { createReception, type ReceptionDependencies } from './reception';

export interface RealMachinesDependencies extends ReceptionDependencies {
  store: Store;
  clock: Clock;
  stateDir: string;
  /** Built `local/vm/real/gateway.js`. */
  gatewayEntry: string;
  image: Image;
  log: (message: string) => void;
  /** A guest has powered itself off, or died. */
  onPoweredOff: (vmId: string) => void;
  onLost: (what: string) => void;
}

/** A node as `GET /_local/nodes` shows it: enough to look inside with `nsenter --target <pid> --all`. */
export interface RealNode extends MachineSummary {
  computerName: string;
  resourceGroup: string;
  privateIp: string;
  fqdn?: string;
  /** Of its first process; absent while it is off. */
  pid?: number;
  bootId: string;
  journal: string[];
}

export interface RealMachines extends MachineDriver {
  list(): MachineSummary[];
  /** `POST /_local/boot-failures`. */
  control: Handler;
  /** `GET /_local/nodes`: `{nodes: RealNode[]}`. */
  nodes: Handler;
  /** Door to the same port of every VM that has a public name. */
  openDoor(port: number): Promise<Listener>;
  /** Boots what ran when the last run ended. */
  resume(): void;
  /** Shuts everything down and keeps the disks; what runs now runs again after `resume` of the next run. */
  stop(): Promise<void>;
}

/** VMs as containers that boot a whole operating system, with the product's customData and a network of their own. */
export async function createRealMachines(dependencies: RealMachinesDependencies): Promise<RealMachines> {
  const { inventory, store, clock, stateDir, log, onLost } = dependencies;
  const places = placesOf(stateDir);
  const cgroups = controlGroups();
  const failures = createBootFailures(store);
  const machines = new Map<string, RealMachine>();
  const fabrics = createFabrics({
    ...dependencies,
    places,
    cgroups,
    onConnection: createReception(dependencies),
    onLost: () => onLost('The gateway of the nodes'),
  });
  const machineOf = (vmId: string): RealMachine => {
    const machine = machines.get(vmId) ?? createRealMachine({ ...dependencies, places, cgroups, fabrics }, vmId);
    machines.set(vmId, machine);
    return machine;
  };
  const powerOf = (vmId: string): string => inventory.state(vmId)?.power ?? 'off';

  await cgroups.kill(places.group); // what a run left behind whose gateway was killed too
  cgroups.remove(places.group);
  removeUnknownDisks(places.nodesDir, inventory);
  const interrupted = switchAllOff(inventory, clock);

  const driver: MachineDriver = {
    boot(spec) {
      const state = inventory.register(spec);
      if (!['off', 'stopping'].includes(state.power)) return;
      const failure = spec.scaleSet ? failures.next() : undefined;
      const power = state.power === 'off' ? 'booting' : state.power;
      save({ inventory, clock }, state, { power, failure: failure?.kind });
      if (failure?.kind === 'never-boots') return;
      const start = (): void => machineOf(spec.vmId).start();
      if (failure?.kind === 'slow') clock.at(clock.now() + failure.delayMs, start);
      else start();
    },
    shutdown(vmId, graceful, comesBack = false) {
      const power = powerOf(vmId);
      if (power === 'off' || (graceful && power === 'stopping')) return;
      if (graceful && power === 'up') machineOf(vmId).stop(comesBack ? 'reboot' : 'poweroff');
      else machineOf(vmId).kill();
    },
    wipe(vmId) {
      const state = inventory.state(vmId);
      if (!state) return;
      machineOf(vmId).kill();
      machineOf(vmId).wipe();
      save({ inventory, clock }, inventory.state(vmId) ?? state, { disk: {}, journal: [] });
    },
    destroy(vmId) {
      const spec = inventory.spec(vmId);
      if (!spec) return;
      const machine = machineOf(vmId);
      machine.kill();
      machine.wipe();
      inventory.remove(vmId);
      machine.settled().then(() => forget(spec), log);
    },
    hang(vmId) {
      if (powerOf(vmId) === 'up') machineOf(vmId).freeze();
    },
    announce(vmId, event) {
      const spec = inventory.spec(vmId);
      if (spec) inventory.scheduledEvents.announce(spec, event);
    },
    hearsEvents: (vmId) => inventory.scheduledEvents.isOn(vmId, clock.now()),
    async runCommand(vmId, script) {
      const guest = powerOf(vmId) === 'up' ? machineOf(vmId).guest : undefined;
      if (!guest) throw new Error(`the VM agent of ${vmId} does not answer`);
      return guest.execute(['bash', '-c', script.join('\n')]);
    },
  };

  const forget = async ({ vmId, resourceGroup }: MachineSpec): Promise<void> => {
    machines.delete(vmId);
    if (!inventory.list().some(({ spec }) => spec.resourceGroup === resourceGroup))
      await fabrics.release(resourceGroup);
  };

  const list = (): RealNode[] =>
    inventory.list().map(({ spec, state: { power, phase, bootId, journal } }) => {
      const { vmId, name, computerName, resourceGroup, privateIp, fqdn } = spec;
      const pid = machines.get(vmId)?.guest?.pid;
      const shown = { vmId, name, power, phase, nodeName: '', computerName, resourceGroup, privateIp, fqdn };
      return { ...shown, pid, bootId, journal };
    });

  return {
    ...driver,
    list,
    control: failures.control,
    nodes: ({ method }) =>
      method === 'GET' ? { status: 200, body: { nodes: list() } } : { status: 405, body: { error: 'only GET' } },
    openDoor: (port) =>
      openDoor(async (name) => {
        const found = inventory.list().find(({ spec }) => spec.fqdn?.toLowerCase() === name.toLowerCase());
        if (!found || !machines.get(found.spec.vmId)?.guest) return undefined;
        return (await fabrics.of(found.spec.resourceGroup)).dial(found.spec.privateIp, port);
      }),
    resume() {
      for (const vmId of interrupted) {
        const spec = inventory.spec(vmId);
        if (spec && powerOf(vmId) === 'off') driver.boot(spec);
      }
    },
    async stop() {
      const running = inventory.list().filter(({ state }) => ['booting', 'up', 'hung'].includes(state.power));
      for (const { state } of running) driver.shutdown(state.vmId, true, true);
      await Promise.all([...machines.values()].map((machine) => machine.settled()));
      await fabrics.stop();
      await cgroups.kill(places.group);
      cgroups.remove(places.group);
      rmSync(places.runDir, { recursive: true, force: true });
      for (const { state } of running) inventory.save(state);
    },
  };
}

/** A disk without a machine is of a state that was reset. */
function removeUnknownDisks(folder: string, inventory: MachineInventory): void {
  for (const name of namesIn(folder))
    if (!inventory.spec(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no node yet
  }
}

/** The last run's machines went with it. Returns those that were up. */
function switchAllOff(inventory: MachineInventory, clock: Clock): string[] {
  const cut = inventory.list().filter(({ state }) => ['booting', 'up', 'stopping'].includes(state.power));
  for (const { state } of cut) save({ inventory, clock }, state, { power: 'off', phase: 'off', bootId: '' });
  return cut.filter(({ state }) => state.power !== 'stopping').map(({ state }) => state.vmId);
}
