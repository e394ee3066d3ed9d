import { tellOfMasters } from '../support/masters-story';

describe('a swarm of three managers', () => tellOfMasters({ engine: 'swarm', version: '29.7.1' }, '29.7.2'));
