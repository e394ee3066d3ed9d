import { isObject } from '../json';
import type { Core } from '../core';
import { badRequest } from './errors';
import { keyOf, parentOf, parseTarget } from './ids';

/** Members of a resource that are resources to ARM as well: they are found inside their parent. */
const EMBEDDED =
  /\/(subnets|securityRules|backendAddressPools|frontendIPConfigurations|probes|inboundNatPools|inboundNatRules|loadBalancingRules|outboundRules|ipConfigurations)\/[^/]+$/i;
const CHECKED =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.(Network|Compute|ManagedIdentity)\//i;

/** Refuses a body that names network or compute resources which are not there. */
export function checkReferences(core: Core, ownerId: string, body: unknown): void {
  for (const id of new Set(referencesOf(body))) {
    if (keyOf(id).startsWith(keyOf(ownerId))) continue;
    if (exists(core, id)) continue;
    throw badRequest(
      'InvalidResourceReference',
      `Resource ${id} referenced by resource ${ownerId} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    );
  }
}

function referencesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(referencesOf);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (key === 'id' && typeof item === 'string' && CHECKED.test(item)) return [item];
    const named = CHECKED.test(key) ? [key] : []; // userAssignedIdentities are keyed by id
    return [...named, ...referencesOf(item)];
  });
}

function exists(core: Core, id: string): boolean {
  if (!EMBEDDED.test(id)) return core.resources.get(id) !== undefined;
  const parent = core.resources.get(parentOf(id));
  const [member, name] = id.split('/').slice(-2);
  const members = Object.entries(parent?.properties ?? {}).find(
    ([key]) => key.toLowerCase() === member?.toLowerCase(),
  )?.[1];
  if (!Array.isArray(members)) return false;
  return members.some((item) => isObject(item) && String(item.name).toLowerCase() === name?.toLowerCase());
}

/** Whether any stored resource other than `id` itself names it. */
export function usersOf(core: Core, id: string): string[] {
  const group = parseTarget(id)?.scope ?? '';
  const wanted = `"${keyOf(id)}`;
  return core.resources
    .below(group)
    .filter((resource) => !keyOf(resource.id).startsWith(keyOf(id)))
    .filter((resource) => JSON.stringify(resource.properties).toLowerCase().includes(wanted))
    .map((resource) => resource.id);
}
