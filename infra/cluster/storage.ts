import type { FileShare, StorageAccountPropertiesCreateParameters } from '@azure/arm-storage';
import { storageGroup } from '../../shared/model/cluster';
import { type ArmResource, TEMPLATE_SCHEMA, parameter } from './arm';
import type { ClusterTemplateInput } from './input';
import * as names from './names';
import { networkId, subnetId } from './network';

const API_VERSION = '2025-08-01';
const SUBNETS = [names.MASTERS_SUBNET, names.AGENTS_SUBNET];
const subnetParameter = (subnet: string): string => `${subnet}SubnetId`;

/**
 * Account and shares, in a group of their own so that they can outlive the cluster (`?storage=keep`). A nested deployment
 * with `inner` scope: its `resourceId()` means the storage group, so ids of the network come in as parameters. Nothing is
 * put out, least of all a key.
 */
export function storageDeployment(input: ClusterTemplateInput): ArmResource {
  return {
    type: 'Microsoft.Resources/deployments',
    apiVersion: '2022-09-01',
    name: `${input.cluster}-storage`,
    resourceGroup: storageGroup(input.cluster),
    dependsOn: [networkId],
    properties: {
      mode: 'Incremental',
      expressionEvaluationOptions: { scope: 'inner' },
      parameters: Object.fromEntries(SUBNETS.map((name) => [subnetParameter(name), { value: subnetId(name) }])),
      template: {
        $schema: TEMPLATE_SCHEMA,
        contentVersion: '1.0.0.0',
        parameters: Object.fromEntries(SUBNETS.map((name) => [subnetParameter(name), { type: 'string' }])),
        resources: storageResources(input),
      },
    },
  };
}

function storageResources(input: ClusterTemplateInput): ArmResource[] {
  const account = names.storageAccountName(input.cluster, input.suffix);
  return [accountResource(input, account), ...input.spec.storage.shares.map((share) => shareResource(account, share))];
}

type AccountBody = Omit<StorageAccountPropertiesCreateParameters, 'networkRuleSet' | 'enableHttpsTrafficOnly'> & {
  /** Wire names of what the SDK calls `networkRuleSet` and `enableHttpsTrafficOnly`. */
  networkAcls: { defaultAction: 'Deny'; bypass: 'None'; virtualNetworkRules: { id: string; action: 'Allow' }[] };
  supportsHttpsTrafficOnly: boolean;
};

function accountResource({ cluster, spec }: ClusterTemplateInput, name: string): ArmResource<AccountBody> {
  return {
    type: 'Microsoft.Storage/storageAccounts',
    apiVersion: API_VERSION,
    name,
    location: spec.location,
    tags: names.clusterTags(cluster),
    sku: { name: 'Standard_LRS' },
    kind: 'StorageV2',
    properties: {
      // SMB mounts know no other credential yet. The key goes to attested nodes only, and works only from the subnets.
      allowSharedKeyAccess: true,
      allowBlobPublicAccess: false,
      minimumTlsVersion: 'TLS1_2',
      supportsHttpsTrafficOnly: true,
      networkAcls: {
        defaultAction: 'Deny',
        bypass: 'None',
        virtualNetworkRules: SUBNETS.map((subnet) => ({ id: parameter(subnetParameter(subnet)), action: 'Allow' })),
      },
    },
  };
}

function shareResource(account: string, share: string): ArmResource<Pick<FileShare, 'shareQuota' | 'accessTier'>> {
  return {
    type: 'Microsoft.Storage/storageAccounts/fileServices/shares',
    apiVersion: API_VERSION,
    name: `${account}/default/${share}`,
    dependsOn: [`[resourceId('Microsoft.Storage/storageAccounts', '${account}')]`],
    // GiB. An upper limit, not a reservation: this tier bills what is stored.
    properties: { shareQuota: 100, accessTier: 'TransactionOptimized' },
  };
}
