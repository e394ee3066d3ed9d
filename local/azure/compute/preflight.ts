import type { Submission } from '../arm/deployment-run';
import { objectAt, textAt } from '../json';
import type { Demand } from './capacity';
import type { Compute } from './compute';
import { priorityOf } from './profile';

/** Resource Manager asks compute before it starts a deployment: would these machines exceed a quota? */
export function computePreflight({ capacity, machines, core }: Compute) {
  return ({ steps }: Submission, resolve: (value: unknown) => unknown): string | undefined => {
    const demands: Demand[] = [];
    let location = '';
    for (const { type, id, source } of steps) {
      const existing = core.resources.get(id);
      const profile = objectAt(source, type.endsWith('Sets') ? 'properties.virtualMachineProfile' : 'properties');
      const priority = (): Demand['priority'] =>
        priorityOf({ priority: resolve(profile.priority), evictionPolicy: resolve(profile.evictionPolicy) }).priority;
      if (type === 'Microsoft.Compute/virtualMachines' && !existing) {
        demands.push({
          size: String(resolve(textAt(source, 'properties.hardwareProfile.vmSize'))),
          count: 1,
          priority: priority(),
        });
      } else if (type === 'Microsoft.Compute/virtualMachineScaleSets') {
        const count = Number(resolve(objectAt(source, 'sku').capacity) ?? 0) - machines.ofScaleSet(id).length;
        demands.push({
          size: String(resolve(textAt(source, 'sku.name'))),
          count: Math.max(0, count),
          priority: priority(),
        });
      } else continue;
      location = String(resolve(source.location) ?? location)
        .replace(/ /g, '')
        .toLowerCase();
    }
    return capacity.quotaProblem(demands, location, machines.all());
  };
}
