import type { Core } from './core';
import { badRequest, conflict } from './arm/errors';
import { keyOf } from './arm/ids';
import { present, type Resource } from './arm/resources';
import type { ResourceType } from './arm/types';
import { listAt, textAt, type JsonObject } from './json';
import type { Span } from './settings';

const AT_ONCE = (): Span => [0, 0];

/** Storage, identities, role assignments, autoscale settings and what else a cluster needs that has no life of its own. */
export function otherTypes(core: Core): ResourceType[] {
  const { chance, settings } = core;
  return [
    { type: 'Microsoft.Compute/availabilitySets', latency: AT_ONCE },
    {
      type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
      latency: AT_ONCE,
      prepare: (draft) => ({
        ...draft,
        properties: {
          ...draft.properties,
          tenantId: settings.tenantId,
          principalId: chance.guid(`principal/${keyOf(draft.id)}`),
          clientId: chance.guid(`client/${keyOf(draft.id)}`),
        },
      }),
    },
    {
      type: 'Microsoft.Authorization/roleAssignments',
      latency: AT_ONCE,
      global: true,
      prepare: (draft, existing) => roleAssignment(draft, existing),
    },
    { type: 'Microsoft.Insights/autoscaleSettings', latency: AT_ONCE, checkBody: checkAutoscale },
    storageAccount(core),
    { type: 'Microsoft.Storage/storageAccounts/fileServices', latency: AT_ONCE, global: true },
    {
      type: 'Microsoft.Storage/storageAccounts/fileServices/shares',
      latency: AT_ONCE,
      global: true,
      prepare: checkedShare,
    },
    { type: 'Microsoft.Storage/storageAccounts/blobServices/containers', latency: AT_ONCE, global: true },
    { type: 'Microsoft.KeyVault/vaults', latency: (latencies) => latencies.network },
  ];
}

/** By the published schema every write brings its profiles, a patch too. */
function checkAutoscale(body: JsonObject): void {
  if (body.properties === undefined || listAt(body, 'properties.profiles').length > 0) return;
  throw badRequest('BadRequest', 'The autoscale setting is invalid: at least one profile is required.');
}

function roleAssignment(draft: Resource, existing: Resource | undefined): Resource {
  for (const member of ['roleDefinitionId', 'principalId']) {
    if (!textAt(draft.properties, member))
      throw badRequest(
        'InvalidCreateRoleAssignmentRequest',
        `The request to create role assignment is not valid: '${member}' is required.`,
      );
  }
  if (existing && textAt(existing.properties, 'principalId') !== textAt(draft.properties, 'principalId')) {
    throw conflict(
      'RoleAssignmentUpdateNotPermitted',
      'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
    );
  }
  return {
    ...draft,
    properties: { ...draft.properties, scope: draft.id.split('/providers/Microsoft.Authorization/')[0] },
  };
}

const ACCOUNT_NAME = /^[a-z0-9]{3,24}$/;
const SHARE_NAME = /^[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]$/;

function storageAccount(core: Core): ResourceType {
  return {
    type: 'Microsoft.Storage/storageAccounts',
    latency: (latencies) => latencies.storage,
    answer: 'location',
    prepare(draft) {
      if (!ACCOUNT_NAME.test(draft.name)) {
        throw badRequest(
          'AccountNameInvalid',
          `${draft.name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
        );
      }
      const holder = core.resources
        .below(`/subscriptions/${core.settings.subscriptionId}`)
        .find((other) => other.type === draft.type && other.name === draft.name && keyOf(other.id) !== keyOf(draft.id));
      if (holder)
        throw conflict('StorageAccountAlreadyTaken', `The storage account named ${draft.name} is already taken.`);
      const endpoints = Object.fromEntries(
        ['blob', 'file', 'queue', 'table'].map((part) => [part, `https://${draft.name}.${part}.core.windows.net/`]),
      );
      return {
        ...draft,
        properties: {
          ...draft.properties,
          primaryEndpoints: endpoints,
          primaryLocation: draft.location,
          statusOfPrimary: 'available',
        },
      };
    },
    actions: {
      listkeys: (resource) => ({
        status: 200,
        body: {
          keys: ['key1', 'key2'].map((keyName) => ({
            keyName,
            permissions: 'FULL',
            value: keyOfAccount(core, resource, keyName),
          })),
        },
      }),
    },
    show: present,
  };
}

/** 64 bytes, base64, as real account keys are. */
const keyOfAccount = ({ chance }: Core, { name, createdAt }: Resource, keyName: string): string =>
  Buffer.from(
    [0, 1, 2, 3].map((part) => chance.guid(`storage/${name}/${createdAt}/${keyName}/${part}`).slice(0, 16)).join(''),
  ).toString('base64');

function checkedShare(draft: Resource): Resource {
  if (!SHARE_NAME.test(draft.name))
    throw badRequest('InvalidResourceName', `The specified resource name '${draft.name}' contains invalid characters.`);
  return draft;
}
