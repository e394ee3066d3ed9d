import { registerActivities } from '../../orchestrations/activities/register';
import { activities } from '../../orchestrations/contracts';
import type { World } from '../../shared/ports';
import { FakeWorld } from '../support/fake-world';

type Handler = (input: never) => Promise<unknown>;

function handlersOn(world: World): Map<string, Handler> {
  const handlers = new Map<string, Handler>();
  registerActivities(
    () => world,
    (name, handler) => void handlers.set(name, handler),
  );
  return handlers;
}

it('every activity that has a contract is registered', () => {
  const names = Object.values(activities).map(({ name }) => name);
  expect([...handlersOn(new FakeWorld()).keys()].sort()).toEqual(names.sort());
});

it('an error of the catalogue leaves an activity with its code in its text, of which Durable keeps nothing else', async () => {
  const observe = handlersOn(new FakeWorld()).get('observeCluster')!;
  await expect(observe({ cluster: 'nobody', cause: 'timer' } as never)).rejects.toThrow(
    /^CLUSTER_NOT_FOUND: there is no cluster nobody$/,
  );
});
