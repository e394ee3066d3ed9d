import { conflict, badRequest } from '../arm/errors';
import { lastName } from '../arm/ids';
import { checkConditions, draftOf, settle } from '../arm/plain';
import { checkReferences } from '../arm/references';
import { nextNumber, present, type Resource } from '../arm/resources';
import type { ResourceType, WriteOutcome, WriteRequest } from '../arm/types';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../json';
import { releaseAttachments, withOsDisk } from './attachments';
import { overQuota } from './capacity';
import type { Compute } from './compute';
import type { Machine } from './machines';
import { checkBootable, checkOsProfile, checkSize, imageOf, missing, priorityOf, withoutSecrets } from './profile';
import { instanceView } from './views';

/** Single VMs: writing and removing. Power actions stand in `power.ts`. */
export function vmType(compute: Compute): ResourceType {
  const { core, machines } = compute;
  core.operations.onAnyFinished((operation) => {
    const machine = machines.get(operation.resourceId);
    if (machine && !machine.scaleSet && machine.provisioningState !== 'Deleting')
      settle(core, machine.id, machine.provisioningState);
  });
  return {
    type: 'Microsoft.Compute/virtualMachines',
    write: (request) => writeVm(compute, request),
    remove: (resource) => removeVm(compute, resource),
    show: (resource) => shownVm(resource, machines.get(resource.id)),
  };
}

function shownVm(resource: Resource, machine: Machine | undefined): JsonObject {
  const shown = present(resource);
  if (!machine) return shown;
  return {
    ...shown,
    properties: {
      ...resource.properties,
      provisioningState: machine.provisioningState,
      vmId: machine.vmId,
      timeCreated: new Date(machine.createdAt).toISOString(),
    },
  };
}

/** `instanceView` of one VM, and the VM with it when it was asked to expand. */
export const expandedVm = (resource: Resource, machine: Machine): JsonObject => {
  const shown = shownVm(resource, machine);
  return { ...shown, properties: { ...objectAt(shown, 'properties'), instanceView: instanceView(machine) } };
};

function writeVm(compute: Compute, request: WriteRequest): WriteOutcome {
  const { core, machines, steps, engine } = compute;
  const existing = core.resources.get(request.id);
  checkConditions(request, existing);
  checkReferences(core, request.id, request.body);
  const submitted = draftOf(core, request, existing);
  const { draft, customData } = takeSecrets(submitted, existing);
  const size = checkSize(textAt(draft.properties, 'hardwareProfile.vmSize'));
  checkBootable(size, imageOf(draft.properties));
  const before = machines.get(request.id);
  if (before?.step)
    throw conflict(
      'Conflict',
      `The request failed due to conflict with a concurrent request. The VM '${draft.name}' is being changed.`,
    );
  if (before) checkUnchanged(before, customData);
  checkQuota(compute, draft, size, before);
  const machine = before ? { ...before, tags: draft.tags } : newMachine(compute, draft, size, customData);
  const properties = withOsDisk(compute, draft, existing);
  const stored = core.resources.put({
    ...draft,
    properties: { ...properties, provisioningState: before ? 'Updating' : 'Creating' },
  });
  const operation = core.operations.begin({
    resourceId: stored.id,
    location: stored.location ?? '',
    event: {
      kind: 'Write',
      subject: stored.id,
      operationName: 'Microsoft.Compute/virtualMachines/write',
      method: request.method,
    },
  });
  steps.begin(machine, { verb: before ? 'update' : 'create', operation: operation.id, size });
  const shown = engine.types.find(stored.type)?.show?.(stored) ?? present(stored);
  return { shown, created: !existing, operation };
}

function takeSecrets(submitted: Resource, existing: Resource | undefined): { draft: Resource; customData: string } {
  const customData =
    textAt(submitted.properties, 'osProfile.customData') ?? textAt(existing?.secrets, 'customData') ?? '';
  if (!existing) checkOsProfile(objectAt(submitted.properties, 'osProfile'), 'computerName');
  return {
    draft: { ...submitted, properties: withoutSecrets(submitted.properties), secrets: { customData } },
    customData,
  };
}

/** Azure refuses to change what was written to the disk at creation. */
function checkUnchanged(before: Machine, customData: string): void {
  if (before.customData === customData) return;
  throw conflict('PropertyChangeNotAllowed', "Changing property 'osProfile.customData' is not allowed.");
}

function checkQuota({ capacity, machines }: Compute, draft: Resource, size: string, before?: Machine): void {
  const { priority } = priorityOf(draft.properties);
  const given = before ? [{ size: before.size, count: -1, priority }] : [];
  const problem = capacity.quotaProblem([{ size, count: 1, priority }, ...given], draft.location ?? '', machines.all());
  if (problem) throw overQuota(problem);
}

function newMachine(compute: Compute, draft: Resource, size: string, customData: string): Machine {
  const { core } = compute;
  const nic = nicOf(compute, draft);
  const availabilitySet = lastName(textAt(draft.properties, 'availabilitySet.id') ?? '');
  return {
    id: draft.id,
    name: draft.name,
    computerName: textAt(draft.properties, 'osProfile.computerName') ?? draft.name,
    vmId: core.chance.guid(`vm/${nextNumber(core.store, 'vm-ids')}`),
    resourceGroup: draft.resourceGroup,
    location: draft.location ?? '',
    size,
    ...priorityOf(draft.properties),
    provisioningState: 'Creating',
    createdAt: core.clock.now(),
    version: 0,
    customData,
    tags: draft.tags,
    ...nic,
    ...(availabilitySet && { availabilitySet }),
    latestModelApplied: true,
    model: { imageReference: imageOf(draft.properties), osProfile: objectAt(draft.properties, 'osProfile') },
  };
}

/** Address, subnet and public name of a VM, read from its first network interface. */
function nicOf({ core }: Compute, draft: Resource): Pick<Machine, 'privateIp' | 'subnetId' | 'fqdn'> {
  const nicId = textAt(draft.properties, 'networkProfile.networkInterfaces.0.id');
  if (!nicId) throw missing('networkProfile');
  const nic = core.resources.get(nicId);
  const attached = textAt(nic?.properties, 'virtualMachine.id');
  if (!nic || attached) throw badRequest('NicInUse', `Network Interface ${nicId} is used by existing VM ${attached}.`);
  core.resources.put({ ...nic, properties: { ...nic.properties, virtualMachine: { id: draft.id } } });
  const config = listAt(nic.properties, 'ipConfigurations').find(isObject);
  const publicIp = core.resources.get(textAt(config, 'properties.publicIPAddress.id') ?? '');
  return {
    privateIp: textAt(config, 'properties.privateIPAddress') ?? '',
    subnetId: textAt(config, 'properties.subnet.id') ?? '',
    fqdn: textAt(publicIp?.properties, 'dnsSettings.fqdn'),
  };
}

function removeVm({ core, machines, steps }: Compute, resource: Resource) {
  const operation = core.operations.begin({
    resourceId: resource.id,
    location: resource.location ?? '',
    event: {
      kind: 'Delete',
      subject: resource.id,
      operationName: 'Microsoft.Compute/virtualMachines/delete',
      method: 'DELETE',
    },
  });
  const machine = machines.get(resource.id);
  if (machine) steps.begin(machine, { verb: 'delete', operation: operation.id });
  return operation;
}

/** A VM that is gone takes its resource along. */
export function forgetVm(compute: Compute, machine: Machine): void {
  if (machine.scaleSet) return;
  const resource = compute.core.resources.get(machine.id);
  if (resource) releaseAttachments(compute, resource);
  compute.core.resources.delete(machine.id);
}
