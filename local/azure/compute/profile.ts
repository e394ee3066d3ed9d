import { badRequest, conflict } from '../arm/errors';
import { listAt, objectAt, textAt, without, type JsonObject } from '../json';
import { findSize, SIZES } from './sizes';

/** Never shown again once submitted. */
const SECRET_MEMBERS = ['adminPassword', 'customData'] as const;
const MAX_CUSTOM_DATA_BYTES = 65_535;

export const withoutSecrets = (value: unknown): JsonObject => without(value, SECRET_MEMBERS) as JsonObject;

export function checkSize(name: string | undefined): string {
  const found = name === undefined ? undefined : findSize(name);
  if (found?.isWithheld) {
    throw conflict(
      'SkuNotAvailable',
      `The requested VM size ${found.name} is currently not available in this location. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details.`,
    );
  }
  if (found) return found.name;
  throw badRequest(
    'InvalidParameter',
    `The value ${name ?? 'null'} provided for the VM size is not valid. The valid sizes in the current region are: ${SIZES.map((size) => size.name).join(',')}.`,
    'vmSize',
  );
}

/** Images whose name does not end in `gen1` need the second generation of the hypervisor. */
export function checkBootable(sizeName: string, image: JsonObject): void {
  if (!findSize(sizeName)?.isOld || /gen1$/i.test(textAt(image, 'sku') ?? '')) return;
  throw badRequest(
    'BadRequest',
    `The selected VM size '${sizeName}' cannot boot Hypervisor Generation '2'. If this was a Create operation please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the selected VM Size.`,
  );
}

/** Checks what the VM agent will be given, and what every VM must have. */
export function checkOsProfile(osProfile: JsonObject, nameMember: 'computerName' | 'computerNamePrefix'): void {
  if (!textAt(osProfile, nameMember)) throw missing(`osProfile.${nameMember}`);
  if (!textAt(osProfile, 'adminUsername')) throw missing('osProfile.adminUsername');
  const keys = listAt(osProfile, 'linuxConfiguration.ssh.publicKeys');
  if (!textAt(osProfile, 'adminPassword') && keys.length === 0) {
    throw badRequest(
      'InvalidParameter',
      'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
      'linuxConfiguration',
    );
  }
  checkCustomData(textAt(osProfile, 'customData'));
}

function checkCustomData(customData: string | undefined): void {
  if (customData === undefined) return;
  const decoded = Buffer.from(customData, 'base64');
  if (decoded.toString('base64') !== customData) {
    throw badRequest('InvalidParameter', 'Custom data should be base64 encoded.', 'customData');
  }
  if (decoded.length > MAX_CUSTOM_DATA_BYTES) {
    throw badRequest(
      'InvalidParameter',
      `Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters.`,
      'customData',
    );
  }
}

export function imageOf(properties: unknown): JsonObject {
  const image = objectAt(properties, 'storageProfile.imageReference');
  if (Object.keys(image).length === 0) throw missing('storageProfile.imageReference');
  return image;
}

export const missing = (member: string) =>
  badRequest('InvalidParameter', `Required parameter '${member}' is missing (null).`, member);

/** Priority, eviction policy, and the rule that only Spot machines have the latter. */
export function priorityOf(profile: unknown): {
  priority: 'Regular' | 'Spot';
  evictionPolicy: 'Deallocate' | 'Delete';
} {
  const priority = /^(spot|low)$/i.test(textAt(profile, 'priority') ?? '') ? 'Spot' : 'Regular';
  const policy = textAt(profile, 'evictionPolicy');
  if (policy && priority === 'Regular') {
    throw badRequest(
      'InvalidParameter',
      'Eviction policy can be set only on Azure Spot Virtual Machines.',
      'evictionPolicy',
    );
  }
  return { priority, evictionPolicy: policy?.toLowerCase() === 'delete' ? 'Delete' : 'Deallocate' };
}
