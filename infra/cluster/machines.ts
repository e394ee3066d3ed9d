import type {
  AvailabilitySet,
  ImageReference,
  LinuxConfiguration,
  NetworkInterfaceReference,
  VirtualMachine,
  VirtualMachineScaleSet,
  VirtualMachineScaleSetIPConfigurationProperties,
  VirtualMachineScaleSetNetworkConfigurationProperties,
  VirtualMachineScaleSetNetworkProfile,
  VirtualMachineScaleSetVMProfile,
} from '@azure/arm-compute';
import { type AgentsSpec, SCALE_SET } from '../../shared/model/cluster';
import { type ArmResource, type Body, parameter, resourceId } from './arm';
import type { ClusterTemplateInput } from './input';
import * as names from './names';
import { masterInterfaceId, networkId, subnetId } from './network';

const API_VERSION = '2026-03-01';
const AVAILABILITY_SET = 'masters';
export const ADMIN_USER = 'starling';

export const scaleSetId = resourceId('Microsoft.Compute/virtualMachineScaleSets', SCALE_SET);

/** Names of template parameters. */
export const IMAGE_VERSION = 'imageVersion';
export const ADMIN_KEY = 'adminPublicKey';
export const AGENT_DATA = 'customDataAgent';
export const masterData = (index: number): string => `customDataMaster${index}`;

/** Wire shape of the reference that the SDK flattens. */
type InterfaceReference = { id: string; properties: Pick<NetworkInterfaceReference, 'deleteOption'> };
type MasterBody = Body<VirtualMachine, { networkProfile: { networkInterfaces: InterfaceReference[] } }>;

/** An agent's network card on the wire, where the SDK's model is flat twice over. */
type IpConfiguration = { name: string; properties: VirtualMachineScaleSetIPConfigurationProperties };
type CardBody = Omit<VirtualMachineScaleSetNetworkConfigurationProperties, 'ipConfigurations'> & {
  ipConfigurations: IpConfiguration[];
};
type CardProfile = Omit<VirtualMachineScaleSetNetworkProfile, 'networkInterfaceConfigurations'> & {
  networkInterfaceConfigurations: { name: string; properties: CardBody }[];
};
type AgentProfile = Omit<VirtualMachineScaleSetVMProfile, 'networkProfile'> & { networkProfile: CardProfile };
type ScaleSetBody = Body<VirtualMachineScaleSet, { virtualMachineProfile: AgentProfile }>;

/** One set for all masters, also for a single one: a VM cannot be put into a set later. */
export function availabilitySet(input: ClusterTemplateInput): ArmResource<Body<AvailabilitySet>> {
  return {
    ...common(input, 'availabilitySets', AVAILABILITY_SET),
    sku: { name: 'Aligned' },
    // Two fault domains is what every region has.
    properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
  };
}

/**
 * Single VM, without an identity of its own: whatever runs on it could use that. Trusted launch is left to the
 * platform's default, since some sizes refuse it and turning it off by name needs a registered feature.
 */
export function master(input: ClusterTemplateInput, index: number): ArmResource<MasterBody> {
  const name = names.masterName(index);
  const setId = resourceId('Microsoft.Compute/availabilitySets', AVAILABILITY_SET);
  return {
    ...common(input, 'virtualMachines', name),
    dependsOn: [setId, masterInterfaceId(index)],
    properties: {
      availabilitySet: { id: setId },
      hardwareProfile: { vmSize: input.spec.masters.size },
      storageProfile: {
        imageReference: image(input.spec.masters.size),
        // An SSD because etcd waits for each write to reach the disk.
        osDisk: {
          createOption: 'FromImage',
          deleteOption: 'Delete',
          diskSizeGB: 32,
          managedDisk: { storageAccountType: 'StandardSSD_LRS' },
        },
      },
      osProfile: {
        computerName: name,
        adminUsername: ADMIN_USER,
        customData: parameter(masterData(index)),
        linuxConfiguration: linux(),
      },
      networkProfile: { networkInterfaces: [{ id: masterInterfaceId(index), properties: { deleteOption: 'Delete' } }] },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
    },
  };
}

export function scaleSet(input: ClusterTemplateInput): ArmResource<ScaleSetBody> {
  const { agents } = input.spec;
  return {
    ...common(input, 'virtualMachineScaleSets', SCALE_SET),
    sku: { name: agents.size, tier: 'Standard', capacity: agents.count },
    dependsOn: [networkId],
    properties: {
      // Each of these has another default, and each default would hurt: see the comments.
      orchestrationMode: 'Uniform',
      // Ghosts beyond the capacity would boot, ask for a token and vanish.
      overprovision: false,
      // True ends at 100 instances and cannot be taken back.
      singlePlacementGroup: false,
      // Automatic reimages instances whenever the model changes; Starling rolls changes out itself.
      upgradePolicy: { mode: 'Manual' },
      virtualMachineProfile: agentProfile(agents),
    },
  };
}

function agentProfile(agents: AgentsSpec): AgentProfile {
  return {
    ...priority(agents),
    storageProfile: {
      imageReference: image(agents.size),
      osDisk: {
        createOption: 'FromImage',
        diskSizeGB: agents.diskGiB,
        managedDisk: { storageAccountType: 'StandardSSD_LRS' },
      },
    },
    osProfile: {
      computerNamePrefix: SCALE_SET,
      adminUsername: ADMIN_USER,
      customData: parameter(AGENT_DATA),
      linuxConfiguration: linux(),
    },
    networkProfile: { networkInterfaceConfigurations: [card()] },
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
  };
}

/**
 * Azure refuses eviction settings for Regular instances and terminate notices for Spot ones, which have their own 30 seconds.
 * The notice tells a node of a deletion that Starling did not ask for, such as autoscale's or a person's. Five minutes is the
 * least there is; a node approves as soon as it is ready to go (`starling-events.sh`), only one that hangs takes all of them.
 */
function priority({ priority, maxPrice }: AgentsSpec): Partial<AgentProfile> {
  if (priority === 'Spot') return { priority, evictionPolicy: 'Delete', billingProfile: { maxPrice } };
  const terminateNotificationProfile = { enable: true, notBeforeTimeout: 'PT5M' };
  return { priority, scheduledEventsProfile: { terminateNotificationProfile } };
}

function card(): CardProfile['networkInterfaceConfigurations'][number] {
  const ipConfiguration: IpConfiguration = {
    name: 'primary',
    properties: { primary: true, subnet: { id: subnetId(names.AGENTS_SUBNET) } },
  };
  return { name: 'primary', properties: { primary: true, ipConfigurations: [ipConfiguration] } };
}

/** The VM agent stays (run command needs it), and so do unattended security updates, the image's default. */
function linux(): LinuxConfiguration {
  return {
    disablePasswordAuthentication: true,
    ssh: { publicKeys: [{ path: `/home/${ADMIN_USER}/.ssh/authorized_keys`, keyData: parameter(ADMIN_KEY) }] },
    provisionVMAgent: true,
    patchSettings: { patchMode: 'ImageDefault' },
  };
}

function image(size: string): ImageReference {
  return {
    publisher: 'Canonical',
    offer: 'ubuntu-24_04-lts',
    sku: isArm(size) ? 'server-arm64' : 'server',
    version: parameter(IMAGE_VERSION),
  };
}

/** `Standard_D2pls_v5`: a `p` among the feature letters after the number means an Arm processor. */
const isArm = (size: string): boolean => /^Standard_[A-Z]+\d+(-\d+)?[a-z]*p[a-z]*(_|$)/.test(size);

function common({ cluster, spec }: ClusterTemplateInput, type: string, name: string) {
  return {
    type: `Microsoft.Compute/${type}`,
    apiVersion: API_VERSION,
    name,
    location: spec.location,
    tags: names.clusterTags(cluster),
  };
}
