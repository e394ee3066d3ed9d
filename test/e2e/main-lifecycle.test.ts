import { tellOfLife } from '../support/life-story';

describe('the life of a cluster', () => tellOfLife({ spec: { engine: 'k3s', location: 'westeurope' }, port: 6443 }));
