import type { World } from '../ports';
import type { AzureClients } from './clients';
import { createChaosStore } from './tables/chaos';
import { createClusterStore } from './tables/clusters';
import { createEventStore } from './tables/events';
import { createHaltLever } from './tables/halt';
import { createNodeStore } from './tables/nodes';
import { createOperationStore } from './tables/operations';
import { openTable, type Table } from './tables/table';

/** The registry: tables of the app's own storage account, partitioned by cluster. */
export function createTableStores(
  clients: AzureClients,
): Pick<World, 'clusters' | 'nodes' | 'operations' | 'events' | 'chaos' | 'halt'> {
  const open = (name: string): Table => openTable(() => clients.table(name));
  const nodes = open('StarlingNodes');
  return {
    clusters: createClusterStore(open('StarlingClusters'), nodes),
    nodes: createNodeStore(nodes),
    operations: createOperationStore(open('StarlingOperations')),
    events: createEventStore(open('StarlingEvents')),
    chaos: createChaosStore(open('StarlingChaos')),
    halt: createHaltLever(open('StarlingHalt')),
  };
}
