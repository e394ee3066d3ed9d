import { etagOf } from '../arm/resources';
import type { JsonObject } from '../json';
import type { Machine, Power } from './machines';

interface Status {
  code: string;
  level: 'Info' | 'Error';
  displayStatus: string;
  message?: string;
  time?: string;
}

const DISPLAY: Record<Power, string> = {
  starting: 'VM starting',
  running: 'VM running',
  stopping: 'VM stopping',
  stopped: 'VM stopped',
  deallocating: 'VM deallocating',
  deallocated: 'VM deallocated',
};

/** Instance view of a VM or of an instance. */
export function instanceView(machine: Machine): JsonObject {
  const statuses = statusesOf(machine);
  const ready = machine.power === 'running' && machine.provisioningState === 'Succeeded';
  return {
    computerName: machine.computerName,
    osName: 'ubuntu',
    osVersion: '24.04',
    hyperVGeneration: 'V2',
    ...(machine.scaleSet && { placementGroupId: null, platformFaultDomain: 0, platformUpdateDomain: 0 }),
    vmAgent: {
      vmAgentVersion: ready ? '2.11.1.4' : 'Unknown',
      statuses: [
        ready
          ? {
              code: 'ProvisioningState/succeeded',
              level: 'Info',
              displayStatus: 'Ready',
              message: 'Guest Agent is running',
            }
          : { code: 'ProvisioningState/Unavailable', level: 'Warning', displayStatus: 'Not Ready' },
      ],
    },
    statuses,
  };
}

function statusesOf(machine: Machine): Status[] {
  const { error, provisioningState, power, createdAt } = machine;
  const state = provisioningState.toLowerCase();
  const provisioning: Status = error
    ? {
        code: `ProvisioningState/failed/${error.code}`,
        level: 'Error',
        displayStatus: 'Provisioning failed',
        message: error.message,
      }
    : {
        code: `ProvisioningState/${state}`,
        level: 'Info',
        displayStatus: state === 'succeeded' ? 'Provisioning succeeded' : provisioningState,
        time: new Date(createdAt).toISOString(),
      };
  return power
    ? [provisioning, { code: `PowerState/${power}`, level: 'Info', displayStatus: DISPLAY[power] }]
    : [provisioning];
}

export const nicId = (machine: Machine): string => `${machine.id}/networkInterfaces/nic`;

/** One instance of a scale set, as `virtualMachines` shows it. */
export function shownInstance(machine: Machine, expand: string | null): JsonObject {
  const { scaleSet, model } = machine;
  return {
    name: machine.name,
    instanceId: scaleSet?.instanceId,
    id: machine.id,
    type: 'Microsoft.Compute/virtualMachineScaleSets/virtualMachines',
    location: machine.location,
    tags: machine.tags,
    sku: { name: machine.size, tier: 'Standard' },
    etag: etagOf(machine),
    properties: {
      latestModelApplied: machine.latestModelApplied,
      modelDefinitionApplied: 'VirtualMachineScaleSet',
      vmId: machine.vmId,
      provisioningState: machine.provisioningState,
      timeCreated: new Date(machine.createdAt).toISOString(),
      hardwareProfile: {},
      osProfile: { ...(model.osProfile as JsonObject), computerName: machine.computerName },
      storageProfile: { imageReference: model.imageReference },
      networkProfile: { networkInterfaces: [{ id: nicId(machine), properties: { primary: true } }] },
      ...(machine.protection && { protectionPolicy: machine.protection }),
      ...(/instanceview/i.test(expand ?? '') && { instanceView: instanceView(machine) }),
    },
  };
}

/** The network interface of an instance. */
export const shownNic = (machine: Machine): JsonObject => ({
  name: 'nic',
  id: nicId(machine),
  properties: {
    provisioningState: 'Succeeded',
    primary: true,
    virtualMachine: { id: machine.id },
    ipConfigurations: [
      {
        name: 'ipconfig',
        id: `${nicId(machine)}/ipConfigurations/ipconfig`,
        properties: {
          provisioningState: 'Succeeded',
          privateIPAddress: machine.privateIp,
          privateIPAllocationMethod: 'Dynamic',
          primary: true,
          subnet: { id: machine.subnetId },
        },
      },
    ],
  },
});

/** Counts by status code, as the scale set's own instance view has them. */
export function scaleSetView(machines: readonly Machine[]): JsonObject {
  const counts = new Map<string, number>();
  for (const machine of machines) {
    const code = machine.error
      ? 'ProvisioningState/failed'
      : `ProvisioningState/${machine.provisioningState.toLowerCase()}`;
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return {
    virtualMachine: { statusesSummary: [...counts].map(([code, count]) => ({ code, count })) },
    statuses: [{ code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' }],
  };
}
