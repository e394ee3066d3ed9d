import { badRequest, conflict } from '../arm/errors';
import type { Operation } from '../arm/operations';
import { checkConditions, draftOf, settle } from '../arm/plain';
import { checkReferences } from '../arm/references';
import { present, type Resource } from '../arm/resources';
import type { ResourceType, WriteOutcome, WriteRequest } from '../arm/types';
import { objectAt, textAt, valueAt, type JsonObject } from '../json';
import { overQuota } from './capacity';
import type { Compute } from './compute';
import type { Machine } from './machines';
import { newInstance, subnetOf } from './new-instance';
import { checkBootable, checkOsProfile, checkSize, imageOf, missing, priorityOf, withoutSecrets } from './profile';
import { preempted } from './steps';
import { beginRemovals } from './removal';
import { chooseVictims } from './scale-in';

export const SCALE_SET = 'Microsoft.Compute/virtualMachineScaleSets';
const MAX_INSTANCES = 1_000;
const MAX_IN_PLACEMENT_GROUP = 100;
/** Azure makes up to a fifth more and removes the surplus when enough have come. */
const OVERPROVISION = 1.2;

/** Uniform scale sets: the model and its capacity. */
export function scaleSetType(compute: Compute): ResourceType {
  compute.core.operations.onAnyFinished((operation) => settleScaleSet(compute, operation));
  return {
    type: SCALE_SET,
    write: (request) => writeScaleSet(compute, request),
    remove: (resource) => removeScaleSet(compute, resource),
  };
}

export const capacityOf = (resource: Resource): number => Number(valueAt(resource.extra, 'sku.capacity') ?? 0);

export function setCapacity({ core }: Compute, scaleSetId: string, capacity: number): void {
  const resource = core.resources.get(scaleSetId);
  if (!resource) return;
  const sku = { ...objectAt(resource.extra, 'sku'), capacity: Math.max(0, capacity) };
  core.resources.put({ ...resource, extra: { ...resource.extra, sku } });
}

function writeScaleSet(compute: Compute, request: WriteRequest): WriteOutcome {
  const { core } = compute;
  const existing = core.resources.get(request.id);
  checkConditions(request, existing);
  checkReferences(core, request.id, request.body);
  if (existing) checkCapacityNamed(request);
  const draft = completed(compute, draftOf(core, request, existing), existing);
  const current = compute.machines.ofScaleSet(draft.id).filter((machine) => machine.provisioningState !== 'Deleting');
  checkQuota(compute, draft, capacityOf(draft) - current.length);
  overtakeRunning(compute, draft.id);
  const changed = existing && modelOf(existing) !== modelOf(draft);
  const stored = core.resources.put({
    ...draft,
    properties: { ...draft.properties, provisioningState: existing ? 'Updating' : 'Creating' },
  });
  if (changed) for (const machine of current) compute.machines.put({ ...machine, latestModelApplied: false });
  const operation = beginScaling(compute, stored, compute.machines.ofScaleSet(draft.id), request.method);
  return { shown: present(stored), created: !existing, operation: core.operations.get(operation.id) ?? operation };
}

/** Sources differ on what Azure makes of a SKU without a capacity: an error, the old number or none. So it is an error here. */
function checkCapacityNamed({ body }: WriteRequest): void {
  if (objectAt(body, 'sku').name === undefined || valueAt(body, 'sku.capacity') !== undefined) return;
  throw badRequest('InvalidParameter', "Required parameter 'sku.capacity' is missing (null).", 'sku.capacity');
}

/** Writes on one scale set: a later model overtakes an earlier one, anything else under way is in its way. */
function overtakeRunning({ core }: Compute, scaleSetId: string): void {
  for (const operation of core.operations.running(scaleSetId)) {
    if (operation.event?.kind !== 'Write') {
      throw conflict(
        'OperationNotAllowed',
        `The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.`,
      );
    }
    core.operations.finish(operation.id, preempted);
  }
}

/** What instances are made of; a change makes the present ones outdated. */
const modelOf = (resource: Resource): string =>
  JSON.stringify([valueAt(resource.extra, 'sku.name'), resource.properties.virtualMachineProfile, resource.secrets]);

function completed(compute: Compute, submitted: Resource, existing: Resource | undefined): Resource {
  const profile = objectAt(submitted.properties, 'virtualMachineProfile');
  const size = checkSize(textAt(submitted.extra, 'sku.name') ?? textAt(existing?.extra, 'sku.name'));
  const capacity = Number(valueAt(submitted.extra, 'sku.capacity') ?? (existing ? capacityOf(existing) : 0));
  const customData = textAt(profile, 'osProfile.customData') ?? textAt(existing?.secrets, 'customData') ?? '';
  checkProfile(profile, !existing);
  checkBootable(size, imageOf(profile));
  const properties: JsonObject = {
    singlePlacementGroup: existing?.properties.singlePlacementGroup ?? true,
    overprovision: true,
    platformFaultDomainCount: 5,
    uniqueId: compute.core.chance.guid(`scale-set/${submitted.id}/${submitted.createdAt}`),
    ...withoutSecrets(submitted.properties),
  };
  checkShape(properties, capacity);
  if (existing?.properties.singlePlacementGroup === false && properties.singlePlacementGroup === true)
    throw badRequest(
      'InvalidParameter',
      "Changing property 'singlePlacementGroup' from false to true is not allowed.",
      'singlePlacementGroup',
    );
  const sku = { ...objectAt(submitted.extra, 'sku'), name: size, tier: 'Standard', capacity };
  return { ...submitted, properties, extra: { ...submitted.extra, sku }, secrets: { customData } };
}

function checkProfile(profile: JsonObject, isNew: boolean): void {
  imageOf(profile);
  priorityOf(profile);
  if (isNew) checkOsProfile(objectAt(profile, 'osProfile'), 'computerNamePrefix');
  if (!subnetOf(profile)) throw missing('networkProfile');
  const notice = textAt(profile, 'scheduledEventsProfile.terminateNotificationProfile.notBeforeTimeout');
  if (notice && !/^PT([5-9]|1[0-5])M$/.test(notice)) {
    throw badRequest(
      'InvalidParameter',
      `The value '${notice}' of 'notBeforeTimeout' must be between PT5M and PT15M.`,
      'notBeforeTimeout',
    );
  }
  if (
    priorityOf(profile).priority === 'Spot' &&
    valueAt(profile, 'scheduledEventsProfile.terminateNotificationProfile.enable') === true
  ) {
    throw badRequest('OperationNotAllowed', 'Terminate notification cannot be enabled on Azure Spot Virtual Machines.');
  }
}

function checkShape(properties: JsonObject, capacity: number): void {
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > MAX_INSTANCES) {
    throw badRequest(
      'InvalidParameter',
      `The value of parameter sku.capacity is invalid: it must be between 0 and ${MAX_INSTANCES}.`,
      'sku.capacity',
    );
  }
  if (properties.singlePlacementGroup === true && capacity > MAX_IN_PLACEMENT_GROUP) {
    throw badRequest(
      'OperationNotAllowed',
      `A scale set with a single placement group cannot have more than ${MAX_IN_PLACEMENT_GROUP} instances.`,
    );
  }
  if (textAt(properties, 'orchestrationMode')?.toLowerCase() === 'flexible') {
    throw badRequest('InvalidParameter', 'Only the orchestration mode Uniform is simulated.', 'orchestrationMode');
  }
  if (!textAt(properties, 'upgradePolicy.mode')) throw missing('upgradePolicy.mode');
}

function checkQuota({ capacity, machines }: Compute, draft: Resource, count: number): void {
  if (count <= 0) return;
  const { priority } = priorityOf(objectAt(draft.properties, 'virtualMachineProfile'));
  const size = textAt(draft.extra, 'sku.name') ?? '';
  const problem = capacity.quotaProblem([{ size, count, priority }], draft.location ?? '', machines.all());
  if (problem) throw overQuota(problem);
}

/** Brings the number of instances to the set's capacity: makes new ones, or removes by the scale-in policy. */
function beginScaling(compute: Compute, scaleSet: Resource, present: Machine[], method: string): Operation {
  const { core } = compute;
  const living = present.filter((machine) => machine.provisioningState !== 'Deleting');
  const missingCount = capacityOf(scaleSet) - living.length;
  const surplus = missingCount < 0 ? chooseVictims(living, -missingCount, scaleSet) : [];
  const extra =
    missingCount > 0 && scaleSet.properties.overprovision === true
      ? Math.floor(missingCount * OVERPROVISION) - missingCount
      : 0;
  const made = Math.max(0, missingCount) + extra;
  const operation = core.operations.begin({
    resourceId: scaleSet.id,
    location: scaleSet.location ?? '',
    parts: made + surplus.length,
    event: { kind: 'Write', subject: scaleSet.id, operationName: `${SCALE_SET}/write`, method },
  });
  for (let index = 0; index < made; index += 1) {
    compute.steps.begin(newInstance(compute, scaleSet), { verb: 'create', operation: operation.id });
  }
  beginRemovals(compute, scaleSet, surplus, { operation: operation.id });
  if (made + surplus.length === 0)
    core.scheduler.schedule('operation-finish', operation.id, core.clock.now() + UPDATE_ONLY_MS, { id: operation.id });
  return operation;
}

/** A write that changes no instance still is an operation. */
const UPDATE_ONLY_MS = 5_000;

/** After each operation: surplus machines of overprovisioning go, and the set's state follows its operation. */
function settleScaleSet(compute: Compute, operation: Operation): void {
  const scaleSet = compute.core.resources.get(operation.resourceId);
  if (scaleSet?.type !== SCALE_SET || scaleSet.properties.provisioningState === 'Deleting') return;
  if (operation.event?.kind === 'Write' && operation.error?.code === preempted.code) return;
  const failed = operation.status === 'Failed' && operation.event?.kind === 'Write';
  settle(compute.core, scaleSet.id, failed ? 'Failed' : 'Succeeded');
  if (operation.event?.kind === 'Write') trimSurplus(compute, scaleSet);
}

function trimSurplus(compute: Compute, scaleSet: Resource): void {
  const living = compute.machines.ofScaleSet(scaleSet.id).filter((machine) => machine.provisioningState !== 'Deleting');
  const surplus = living.length - capacityOf(scaleSet);
  if (surplus <= 0) return;
  const { id } = compute.core.operations.begin({
    resourceId: `${scaleSet.id}/trim`,
    location: scaleSet.location ?? '',
    parts: surplus,
  });
  const newest = [...living].sort(
    (a, b) => b.createdAt - a.createdAt || Number(b.scaleSet?.instanceId) - Number(a.scaleSet?.instanceId),
  );
  for (const machine of newest.slice(0, surplus))
    compute.steps.begin(machine, { verb: 'delete', operation: id, force: true });
}

function removeScaleSet(compute: Compute, resource: Resource): Operation {
  const { core, machines } = compute;
  for (const running of core.operations.running(resource.id)) core.operations.finish(running.id, preempted);
  settle(core, resource.id, 'Deleting');
  const instances = machines.ofScaleSet(resource.id);
  const operation = core.operations.begin({
    resourceId: resource.id,
    location: resource.location ?? '',
    parts: instances.length + 1,
    event: { kind: 'Delete', subject: resource.id, operationName: `${SCALE_SET}/delete`, method: 'DELETE' },
  });
  for (const machine of instances) compute.steps.begin(machine, { verb: 'delete', operation: operation.id });
  core.scheduler.schedule('scale-set-emptied', operation.id, core.clock.now() + UPDATE_ONLY_MS, {
    operation: operation.id,
  });
  return operation;
}

/** The set itself goes with the last of its instances. */
export function registerScaleSetEnd({ core }: Compute): void {
  core.scheduler.on<{ operation: string }>('scale-set-emptied', ({ operation }) => core.operations.partDone(operation));
  core.operations.onAnyFinished((operation) => {
    const isEnd = operation.event?.operationName === `${SCALE_SET}/delete`;
    if (isEnd) core.resources.delete(operation.resourceId);
  });
}
