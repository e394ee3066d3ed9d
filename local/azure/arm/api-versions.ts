import { badRequest, type ArmError } from './errors';
import { typeOf, type Target } from './ids';

/**
 * The api-versions that a type or a whole namespace is served under, oldest first: those that the SDKs send by themselves,
 * those that templates here name, and a few well-worn ones. Azure has more; who needs one of them adds it.
 */
const VERSIONS: Record<string, readonly string[]> = {
  'microsoft.authorization': ['2020-04-01-preview', '2022-04-01'],
  'microsoft.compute': [
    ...['2022-11-01', '2023-03-01', '2023-07-01', '2023-09-01', '2024-03-01', '2024-07-01', '2024-11-01', '2025-04-01'],
    '2026-03-01',
  ],
  'microsoft.compute/skus': ['2017-09-01', '2019-04-01', '2021-07-01'],
  // The network provider answers for the interfaces of instances, at this version only.
  'microsoft.compute/virtualmachinescalesets/networkinterfaces': ['2018-10-01'],
  'microsoft.compute/virtualmachinescalesets/virtualmachines/networkinterfaces': ['2018-10-01'],
  'microsoft.eventgrid': ['2021-12-01', '2022-06-15', '2025-02-15'],
  'microsoft.insights': ['2015-04-01', '2022-10-01'],
  'microsoft.keyvault': ['2022-07-01', '2023-02-01', '2023-07-01', '2024-11-01'],
  'microsoft.managedidentity': ['2018-11-30', '2023-01-31', '2024-11-30'],
  'microsoft.network': [
    '2023-09-01',
    '2023-11-01',
    '2024-01-01',
    '2024-03-01',
    '2024-05-01',
    '2025-01-01',
    '2025-05-01',
  ],
  'microsoft.resources': [
    ...[
      '2021-04-01',
      '2022-09-01',
      '2022-12-01',
      '2023-07-01',
      '2024-03-01',
      '2024-07-01',
      '2024-11-01',
      '2025-03-01',
      '2025-04-01',
    ],
  ],
  'microsoft.storage': ['2022-09-01', '2023-01-01', '2023-05-01', '2024-01-01', '2025-06-01', '2025-08-01'],
};

/** Of a type such as `Microsoft.Compute/virtualMachines`, an action on it included; none for an unknown namespace. */
export function apiVersionsOf(type: string): readonly string[] {
  const key = type.toLowerCase();
  return VERSIONS[key] ?? VERSIONS[key.split('/')[0] ?? ''] ?? [];
}

/** Groups, subscriptions and the list of providers belong to Resource Manager itself. */
export const servedType = (target: Target): string =>
  target.types.length > 0 ? typeOf(target) : 'Microsoft.Resources';

/** The newest version under which a path is served. */
export const newestApiVersion = (target: Target | undefined): string =>
  apiVersionsOf(target ? servedType(target) : 'Microsoft.Resources').at(-1) ?? '2025-04-01';

/** What Azure says to a version that the type does not have; undefined when it has it, or is not known at all. */
export function versionRefusal(type: string, version: string, location: string): ArmError | undefined {
  const known = apiVersionsOf(type);
  if (known.length === 0 || known.includes(version.toLowerCase())) return undefined;
  const list = [...known].reverse().join(', ');
  if (/^microsoft\.resources(\/|$)/i.test(type)) {
    return badRequest(
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${list}'.`,
    );
  }
  const name = type.split('/').slice(1).join('/');
  return badRequest(
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${location}' and API version '${version}' for type '${name}'. The supported api-versions are '${list}'. The supported locations are 'westeurope, northeurope, ...'.`,
  );
}
