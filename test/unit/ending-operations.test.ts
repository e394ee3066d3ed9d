import { finishOperation, setDesiredAgents } from '../../orchestrations/activities/operations';
import { FakeWorld } from '../support/fake-world';
import type { Verb } from '../../shared/model/operation';
import { clusterRecord, nodeRecord, operationRecord } from '../support/records';

const OPERATION = operationRecord({ cluster: 'demo' });
const { id: operationId } = OPERATION;
const { spec } = clusterRecord();
const wish = (count: number, min = 0) => ({ ...spec, agents: { ...spec.agents, count, min } });

function worldWith(changes: Parameters<typeof clusterRecord>[0]): FakeWorld {
  const world = new FakeWorld({ operation: operationId, ...changes });
  world.operationRows.put(operationId, OPERATION);
  return world;
}

describe('an operation that breaks off', () => {
  const BROKEN_OFF = { cluster: 'demo', operationId, state: 'failed', phaseReason: 'Azure was silent' } as const;

  it.each(['deploying', 'deleting'] as const)('while %s leaves a cluster that can be deployed again', async (phase) => {
    const world = worldWith({ phase });
    await finishOperation(world, BROKEN_OFF);
    expect(world.cluster).toMatchObject({ phase: 'failed', phaseReason: 'Azure was silent', operation: null });
  });

  it('on a living cluster leaves it to the reconcile', async () => {
    const world = worldWith({ phase: 'ready' });
    await finishOperation(world, BROKEN_OFF);
    expect(world.cluster).toMatchObject({ phase: 'degraded', operation: null });
  });
});

describe('a scale that is cancelled', () => {
  const CANCELLED = { cluster: 'demo', operationId, state: 'cancelled' } as const;

  it('takes its wish back, so that the reconcile does not carry it out all the same', async () => {
    const world = worldWith({ spec: wish(8) });
    world.capacity = 3;
    await finishOperation(world, CANCELLED);
    expect(world.cluster).toMatchObject({ spec: wish(3), operation: null });
    expect(world.told.map(({ type }) => type)).toContain('cluster.desired');
  });

  it('leaves the wish of whoever pre-empted it', async () => {
    const world = worldWith({ spec: wish(8), operation: 'demo.destroy.b', phase: 'deleting' });
    await finishOperation(world, CANCELLED);
    expect(world.cluster).toMatchObject({ spec: wish(8), operation: 'demo.destroy.b', phase: 'deleting' });
  });
});

it('an operation that fails because another has taken the cluster is cancelled, and changes nothing of it', async () => {
  const world = worldWith({ spec: wish(8), operation: 'demo.destroy.b', phase: 'deleting' });
  const error = { code: 'CLUSTER_NOT_FOUND', message: 'there is no cluster demo' } as const;
  await finishOperation(world, { cluster: 'demo', operationId, state: 'failed', error, phase: 'degraded' });
  expect(world.operationRows.get(operationId)?.record).toMatchObject({
    state: 'cancelled',
    error: { code: 'CANCELLED', message: 'pre-empted by demo.destroy.b' },
  });
  expect(world.cluster).toMatchObject({ phase: 'deleting', operation: 'demo.destroy.b' });
});

describe('an operation that is cancelled', () => {
  const cancel = async (verb: Verb, changes: Parameters<typeof clusterRecord>[0], phase?: 'stopped') => {
    const operation = operationRecord({ cluster: 'demo', id: `demo.${verb}.a`, verb });
    const world = new FakeWorld({ operation: operation.id, ...changes });
    world.operationRows.put(operation.id, operation);
    for (const [index, state] of (['ready', 'parked'] as const).entries())
      world.addAgent({ ...nodeRecord('demo', index), state });
    await finishOperation(world, { cluster: 'demo', operationId: operation.id, state: 'cancelled', phase });
    return world.cluster;
  };

  it('does not count what is parked as its wish', async () => {
    expect((await cancel('scale', { spec: wish(5) })).spec).toEqual(wish(1));
  });

  it('keeps the wish that it had no part in', async () => {
    expect((await cancel('restart', { spec: wish(5) })).spec).toEqual(wish(5));
  });

  it('before it has started anything leaves a stopped cluster, and its wish for when it is started', async () => {
    expect(await cancel('start', { spec: wish(5), phase: 'stopped' }, 'stopped')).toMatchObject({
      phase: 'stopped',
      spec: wish(5),
    });
  });
});

it('a deploy that is cancelled keeps its wish for the next one', async () => {
  const world = worldWith({ spec: wish(8), phase: 'deploying' });
  await finishOperation(world, { cluster: 'demo', operationId, state: 'cancelled' });
  expect(world.cluster).toMatchObject({ spec: wish(8), phase: 'failed' });
});

describe('a new wish', () => {
  it('of automation gives way to an operation that began meanwhile', async () => {
    const world = worldWith({ spec: wish(8) });
    await setDesiredAgents(world, { cluster: 'demo', agents: 4, cause: 'drift' });
    expect(world.cluster.spec).toEqual(wish(8));
    expect(world.told).toEqual([]);
  });

  it('of an operation that was pre-empted counts no more', async () => {
    const world = worldWith({ spec: wish(8), operation: 'demo.destroy.b' });
    await setDesiredAgents(world, { cluster: 'demo', agents: 4, cause: operationId, operationId });
    expect(world.cluster.spec).toEqual(wish(8));
  });

  it('stays within the limits that the operator set', async () => {
    const world = worldWith({ spec: wish(8, 3) });
    await setDesiredAgents(world, { cluster: 'demo', agents: 1, cause: operationId, operationId });
    expect(world.cluster.spec).toEqual(wish(3, 3));
    expect(world.told).toMatchObject([{ message: 'the wish is now 3 agents, it was 8' }]);
  });
});

describe('the progress of an operation that has ended', () => {
  const endedAs = async (state: 'succeeded' | 'failed', progress: { done: number; total: number; unit: string }) => {
    const world = worldWith({});
    world.operationRows.put(operationId, { ...OPERATION, progress });
    await finishOperation(world, { cluster: 'demo', operationId, state });
    return world.operationRows.get(operationId)?.record.progress.done;
  };

  it('shows every step as done when it succeeded', async () => {
    expect(await endedAs('succeeded', { done: 2, total: 3, unit: 'steps' })).toBe(3);
  });

  it('stays where it was when it failed, and where it counts what came', async () => {
    expect(await endedAs('failed', { done: 2, total: 3, unit: 'steps' })).toBe(2);
    expect(await endedAs('succeeded', { done: 2, total: 3, unit: 'agents' })).toBe(2);
  });
});
