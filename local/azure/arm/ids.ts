/** A path below `/subscriptions/{id}`, taken apart. */
export interface Target {
  subscriptionId: string;
  resourceGroup?: string;
  /** Provider namespace, such as `Microsoft.Compute`; absent for resource groups and for the subscription itself. */
  namespace?: string;
  /** Types of a nested resource: `['virtualMachineScaleSets', 'virtualMachines']`. */
  types: string[];
  /** One name per type; one fewer when the path ends in a collection or an action. */
  names: string[];
  /** What stands before the last `/providers/`. */
  scope: string;
}

/** Ids differ in case between services and versions; two ids are the same when their keys are. */
export const keyOf = (id: string): string => id.replace(/\/+$/, '').toLowerCase();

/** A segment that is no valid percent-encoding stays as it is, and so names nothing. */
export function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function parseTarget(path: string): Target | undefined {
  const segments = path.split('/').filter(Boolean).map(decoded);
  if (segments[0]?.toLowerCase() !== 'subscriptions' || !segments[1]) return undefined;
  const lower = segments.map((segment) => segment.toLowerCase());
  const providers = lower.lastIndexOf('providers');
  const below = providers < 0 ? [] : segments.slice(providers + 1);
  const [namespace, ...rest] = below;
  return {
    subscriptionId: segments[1],
    resourceGroup: lower[2] === 'resourcegroups' ? segments[3] : undefined,
    namespace,
    types: rest.filter((_, index) => index % 2 === 0),
    names: rest.filter((_, index) => index % 2 === 1),
    scope: `/${segments.slice(0, providers < 0 ? undefined : providers).join('/')}`,
  };
}

/** `Microsoft.Compute/virtualMachineScaleSets/virtualMachines` */
export const typeOf = (target: Target): string => [target.namespace, ...target.types].join('/');

export const groupId = (subscriptionId: string, name: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${name}`;

export const resourceId = (scope: string, type: string, names: readonly string[]): string => {
  const [namespace, ...types] = type.split('/');
  return `${scope}/providers/${namespace}/${types.map((part, index) => `${part}/${names[index]}`).join('/')}`;
};

export const lastName = (id: string): string => id.slice(id.lastIndexOf('/') + 1);

/** The id of the resource that a nested resource belongs to. */
export const parentOf = (id: string): string => id.split('/').slice(0, -2).join('/');
