import { startStarling, type Starling } from '../support/starling';
import { carryOutRow } from '../support/verb-rows';
import { verbsOf } from '../support/verbs';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling({ STARLING_TIME_SCALE: '40' }); // many clusters at a time on perhaps two cores
});
afterAll(() => starling?.stop());

/** What a swarm could do otherwise than k3s: the other verbs are the same, or part of these, or of the other tests of swarms. */
const WANTED = /^(scale down|scale up, parked first|start.*|restart.*|reimage.*|upgrade)$/;

describe('a verb, on a swarm of its own', () => {
  const rows = verbsOf('swarm', '29.7.2', { version: '29.7.1' }).filter(({ verb }) => WANTED.test(verb));
  test.concurrent.each(rows)('$verb', (row) => carryOutRow(() => starling, row), 240_000);
});
