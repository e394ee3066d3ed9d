import type { Core } from '../core';
import { objectAt } from '../json';
import type { Engine } from './engine';
import type { Submission } from './deployment-run';
import type { Scope } from './expressions';
import type { Groups } from './groups';
import { groupId, keyOf } from './ids';
import { present } from './resources';
import type { Planned } from './template';

interface Surroundings {
  core: Core;
  engine: Engine;
  groups: Groups;
}

/** What the expressions of a deployment's template can see. */
export function deploymentScope(around: Surroundings, deployment: Omit<Submission, 'id'>): Scope {
  const { resourceGroup, name, template, parameters, steps } = deployment;
  const { chance } = around.core;
  return {
    ...ambient(around, resourceGroup),
    deploymentName: name,
    parameters,
    variables: objectAt(template, 'variables'),
    reference: (idOrName, full) => referenceTo(around, idOf(idOrName, steps), full),
    listKeys: () => ({ keys: [{ keyName: 'key1', value: chance.guid('storage-key'), permissions: 'FULL' }] }),
  };
}

function ambient({ core, groups }: Surroundings, name: string): Pick<Scope, 'subscription' | 'resourceGroup'> {
  const { subscriptionId, tenantId } = core.settings;
  const group = groups.find(name);
  return {
    subscription: { id: `/subscriptions/${subscriptionId}`, subscriptionId, tenantId, displayName: 'local' },
    resourceGroup: {
      id: groupId(subscriptionId, group?.name ?? name),
      name: group?.name ?? name,
      location: group?.location ?? '',
      tags: group?.tags ?? {},
      type: 'Microsoft.Resources/resourceGroups',
      properties: { provisioningState: group?.state ?? 'Succeeded' },
    },
  };
}

/** `reference` takes an id, or the name of a resource of the same template. */
const idOf = (idOrName: string, steps: readonly Planned[]): string | undefined =>
  idOrName.startsWith('/') ? idOrName : steps.find((step) => keyOf(step.name) === keyOf(idOrName))?.id;

function referenceTo({ core, engine }: Surroundings, id: string | undefined, full: boolean): unknown {
  const resource = id === undefined ? undefined : core.resources.get(id);
  if (!resource) return undefined;
  const shown = engine.types.find(resource.type)?.show?.(resource) ?? present(resource);
  return full ? shown : shown.properties;
}
