import { createSharedTexts } from '../shared-texts';
import type { Store } from '../store';
import { parseCustomData, type CustomData } from './custom-data';
import type { MachineSpec } from './machine';
import { newMachineState, type MachineState } from './machine-state';
import { createScheduledEvents, type ScheduledEvents } from './scheduled-events';

/** All machines that Azure ever booted and has not destroyed, as the store holds them. */
export interface MachineInventory {
  spec(vmId: string): MachineSpec | undefined;
  state(vmId: string): MachineState | undefined;
  list(): { spec: MachineSpec; state: MachineState }[];
  customData(spec: MachineSpec): CustomData;
  /** By Azure's name (`master0`, `agents_3`) or by instance id (`3`). */
  findInstance(cluster: string, instanceId: string): MachineSpec | undefined;
  scheduledEvents: ScheduledEvents;
  /** Notes what Azure boots; the state stays as it is. */
  register(spec: MachineSpec): MachineState;
  save(state: MachineState): void;
  remove(vmId: string): void;
}

const SPECS = 'machine-specs';
const STATES = 'machine-states';
const CUSTOM_DATA = 'machine-custom-data';

/** The spec with customData replaced by its hash: instances of a scale set share tens of KB, written once. */
type StoredSpec = MachineSpec;

export function createMachineInventory(store: Store): MachineInventory {
  // One text and one parse for all instances of a scale set: tens of KB each would add up.
  const texts = createSharedTexts(store, CUSTOM_DATA);
  const parsed = new Map<string, CustomData>();
  const restore = (stored: StoredSpec | undefined): MachineSpec | undefined =>
    stored && { ...stored, customData: texts.find(stored.customData) };
  const customData = ({ customData: text }: MachineSpec): CustomData => {
    const known = parsed.get(text) ?? parseCustomData(text);
    parsed.set(text, known);
    return known;
  };
  const spec = (vmId: string): MachineSpec | undefined => restore(store.get<StoredSpec>(SPECS, vmId));
  const state = (vmId: string): MachineState | undefined => store.get<MachineState>(STATES, vmId);
  const specs = (): MachineSpec[] => store.list<StoredSpec>(SPECS).flatMap(([, stored]) => restore(stored) ?? []);
  const belongsTo = (cluster: string) => (candidate: MachineSpec) =>
    (customData(candidate).environment.STARLING_CLUSTER ?? candidate.resourceGroup.replace(/-compute$/i, '')) ===
    cluster;

  return {
    spec,
    state,
    customData,
    scheduledEvents: createScheduledEvents(store),
    list: () => specs().map((one) => ({ spec: one, state: state(one.vmId) ?? newMachineState(one.vmId) })),
    findInstance: (cluster, instanceId) =>
      specs().find(
        (one) => belongsTo(cluster)(one) && (one.name === instanceId || one.scaleSet?.instanceId === instanceId),
      ),
    register(given) {
      store.put(SPECS, given.vmId, { ...given, customData: texts.keep(given.customData) });
      return state(given.vmId) ?? newMachineState(given.vmId);
    },
    save: (changed) => store.put(STATES, changed.vmId, changed),
    remove(vmId) {
      store.delete(SPECS, vmId);
      store.delete(STATES, vmId);
    },
  };
}
