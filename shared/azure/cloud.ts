import type { Cloud } from '../ports';
import * as agents from './agents';
import { setAutoscale } from './autoscale';
import type { AzureClients } from './clients';
import { beginCommand, pollCommand } from './commands';
import * as deployments from './deployments';
import * as groups from './groups';
import { getMachine, listMachines } from './machines';
import * as masters from './masters';
import { listImages, listLocations, listSizes } from './offers';
import { poll } from './pollers';
import { checkQuota } from './quota';
import { getScaleSet, setAgentSize, setCapacity } from './scale-set';
import { createStorageAccess } from './storage-access';

/** Azure Resource Manager, as Starling needs it. Any instance of the app may poll what another began. */
export function createCloud(clients: AzureClients): Cloud {
  return {
    ...groupCalls(clients),
    ...deploymentCalls(clients),
    ...agentCalls(clients),
    ...masterCalls(clients),
    checkQuota: (need) => checkQuota(clients, need),
    listMachines: (cluster) => listMachines(clients, cluster),
    getMachine: (cluster, role, instanceId) => getMachine(clients, cluster, role, instanceId),
    beginCommand: (cluster, machine, script) => beginCommand(clients, cluster, machine, script),
    pollCommand: (poller) => pollCommand(clients, poller),
    poll: (poller) => poll(clients, poller),
    storageAccess: createStorageAccess(clients),
    listLocations: () => listLocations(clients),
    listSizes: (location) => listSizes(clients, location),
    listImages: (location) => listImages(clients, location),
  };
}

const groupCalls = (clients: AzureClients) =>
  ({
    ensureGroups: (cluster, location) => groups.ensureGroups(clients, cluster, location),
    ownsGroup: (cluster, group) => groups.ownsGroup(clients, cluster, group),
    deleteGroup: (cluster, group) => groups.deleteGroup(clients, cluster, group),
    groupExists: (group) => groups.groupExists(clients, group),
    listTagged: (cluster) => groups.listTagged(clients, cluster),
  }) satisfies Partial<Cloud>;

const deploymentCalls = (clients: AzureClients) =>
  ({
    beginDeployment: (cluster, template, parameters, part = 'all') =>
      deployments.beginDeployment(clients, cluster, { template, parameters, part }),
    getDeployment: (cluster, part = 'all') => deployments.getDeployment(clients, cluster, part),
    getTemplate: (cluster) => deployments.getTemplate(clients, cluster),
    listDeploymentOperations: (cluster, part = 'all') => deployments.listDeploymentOperations(clients, cluster, part),
  }) satisfies Partial<Cloud>;

const agentCalls = (clients: AzureClients) =>
  ({
    getScaleSet: (cluster) => getScaleSet(clients, cluster),
    setCapacity: (cluster, capacity, etag) => setCapacity(clients, cluster, capacity, etag),
    setAgentSize: (cluster, size, etag) => setAgentSize(clients, cluster, size, etag),
    setAutoscale: (cluster, enabled) => setAutoscale(clients, cluster, enabled),
    deleteAgents: (cluster, ids) => agents.deleteAgents(clients, cluster, ids),
    startAgents: (cluster, ids) => agents.startAgents(clients, cluster, ids),
    restartAgents: (cluster, ids) => agents.restartAgents(clients, cluster, ids),
    stopAgents: (cluster, ids, how) => agents.stopAgents(clients, cluster, ids, how),
    reimageAgents: (cluster, ids) => agents.reimageAgents(clients, cluster, ids),
    updateAgents: (cluster, ids) => agents.updateAgents(clients, cluster, ids),
    simulateEviction: (cluster, id) => agents.simulateEviction(clients, cluster, id),
  }) satisfies Partial<Cloud>;

const masterCalls = (clients: AzureClients) =>
  ({
    startMaster: (cluster, name) => masters.startMaster(clients, cluster, name),
    stopMaster: (cluster, name, how) => masters.stopMaster(clients, cluster, name, how),
    restartMaster: (cluster, name) => masters.restartMaster(clients, cluster, name),
    deleteMaster: (cluster, name) => masters.deleteMaster(clients, cluster, name),
  }) satisfies Partial<Cloud>;
