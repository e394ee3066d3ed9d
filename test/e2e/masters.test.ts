import { tellOfMasters } from '../support/masters-story';

describe('a cluster of three masters', () => tellOfMasters({ engine: 'k3s' }, 'v1.36.3+k3s1'));
