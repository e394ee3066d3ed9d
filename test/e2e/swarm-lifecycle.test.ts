import { tellOfLife } from '../support/life-story';
import { succeeds } from '../support/verb-rows';

describe('the life of a swarm', () =>
  tellOfLife({
    spec: { engine: 'swarm', location: 'westeurope' },
    port: 2376,
    putWork: (cluster) => succeeds(cluster.carryOut('PUT', '/workloads/site', { kind: 'replicated', replicas: 6 })),
  }));
