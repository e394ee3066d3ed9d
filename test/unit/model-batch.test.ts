import { batchOf } from '../../shared/model/batch';

test.each([
  [0, 1],
  [1, 1],
  [10, 1],
  [11, 2],
  [30, 3],
  [1000, 100],
])('of %i agents, %i are renewed at a time', (agents, batch) => {
  expect(batchOf(agents)).toBe(batch);
});
