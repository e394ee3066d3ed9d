import type { Resource } from '../arm/resources';
import { listAt } from '../json';
import type { Machine } from './machines';

/** Instances that a lowered capacity removes: by the set's first rule; protected ones are spared. Default: highest id. */
export function chooseVictims(machines: readonly Machine[], count: number, scaleSet: Resource): Machine[] {
  const rule = String(listAt(scaleSet.properties, 'scaleInPolicy.rules')[0] ?? 'Default');
  const idOf = (machine: Machine): number => Number(machine.scaleSet?.instanceId);
  const order: Record<string, (a: Machine, b: Machine) => number> = {
    OldestVM: (a, b) => a.createdAt - b.createdAt || idOf(a) - idOf(b),
    NewestVM: (a, b) => b.createdAt - a.createdAt || idOf(b) - idOf(a),
    Default: (a, b) => idOf(b) - idOf(a),
  };
  return machines
    .filter((machine) => machine.protection?.protectFromScaleIn !== true)
    .sort(order[rule] ?? order.Default)
    .slice(0, count);
}
