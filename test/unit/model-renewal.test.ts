import type { NodeState } from '../../shared/model/node';
import { isRenewed, type NodeBefore, type Renewal } from '../../shared/model/renewal';
import { nodeRecord } from '../support/records';

const BEFORE: NodeBefore = {
  vmId: nodeRecord('demo', 1).vmId,
  nodeName: 'a',
  nodeUid: 'u',
  bootId: 'one',
  generation: 1,
};
const isBack = (action: Renewal, bootId: string, generation = 1, ready = true, state: NodeState = 'ready'): boolean =>
  isRenewed(action, BEFORE, { ...nodeRecord('demo', 1), state, generation }, { ready, bootId });

test.each<Renewal>(['restart', 'resize', 'start'])('a %s is over only with another boot', (action) => {
  expect(isBack(action, 'one')).toBe(false);
  expect(isBack(action, 'two')).toBe(true);
});

test('a reimage is over only in a new generation: the old disk may boot once more before', () => {
  expect(isBack('reimage', 'two')).toBe(false);
  expect(isBack('reimage', 'two', 2)).toBe(true);
});

test('a node is back only when engine and registry both call it ready', () => {
  expect(isBack('restart', 'two', 1, false)).toBe(false);
  expect(isBack('restart', 'two', 1, true, 'notReady')).toBe(false);
  expect(isRenewed('restart', BEFORE, { ...nodeRecord('demo', 1), state: 'ready' }, undefined)).toBe(false);
});
