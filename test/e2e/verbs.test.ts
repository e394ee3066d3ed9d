import { startStarling, type Starling } from '../support/starling';
import { carryOutRow } from '../support/verb-rows';
import { verbsOf } from '../support/verbs';

let starling: Starling;
beforeAll(async () => {
  starling = await startStarling({ STARLING_TIME_SCALE: '40' }); // many clusters at a time on perhaps two cores
});
afterAll(() => starling?.stop());

describe('every verb, on a cluster of its own', () => {
  const rows = verbsOf('k3s', 'v1.36.3+k3s1');
  test.concurrent.each(rows)('$verb', (row) => carryOutRow(() => starling, row), 240_000);
});
