import type { Cloud } from '../ports';
import type { AzureClients } from './clients';
import { beginDeployment, getDeployment, getTemplate, listDeploymentOperations } from './deployments';
import { deleteGroup, ensureGroups, groupExists, listTagged } from './groups';
import { getMachine, listMachines } from './machines';
import { poll } from './pollers';
import { checkQuota } from './quota';
import { deleteAgents, getScaleSet, restartAgents, setCapacity, startAgents, startMaster } from './scale-set';

/** Azure Resource Manager, as Starling needs it. Keeps no state: any instance of the app may poll what another began. */
export function createCloud(clients: AzureClients): Cloud {
  return {
    checkQuota: (need) => checkQuota(clients, need),
    ensureGroups: (cluster, location) => ensureGroups(clients, cluster, location),
    beginDeployment: (cluster, template, parameters) => beginDeployment(clients, cluster, template, parameters),
    getDeployment: (cluster) => getDeployment(clients, cluster),
    getTemplate: (cluster) => getTemplate(clients, cluster),
    listDeploymentOperations: (cluster) => listDeploymentOperations(clients, cluster),
    listMachines: (cluster) => listMachines(clients, cluster),
    getMachine: (cluster, role, instanceId) => getMachine(clients, cluster, role, instanceId),
    getScaleSet: (cluster) => getScaleSet(clients, cluster),
    setCapacity: (cluster, capacity, etag) => setCapacity(clients, cluster, capacity, etag),
    deleteAgents: async (cluster, instanceIds) => deleteAgents(clients, cluster, instanceIds),
    startAgents: async (cluster, instanceIds) => startAgents(clients, cluster, instanceIds),
    restartAgents: async (cluster, instanceIds) => restartAgents(clients, cluster, instanceIds),
    startMaster: (cluster, name) => startMaster(clients, cluster, name),
    poll: (poller) => poll(clients, poller),
    deleteGroup: (cluster, group) => deleteGroup(clients, cluster, group),
    groupExists: (group) => groupExists(clients, group),
    listTagged: (cluster) => listTagged(clients, cluster),
  };
}
