import type { Rebalancing } from '../../ports';
import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import {
  listNodeObjects,
  listServiceObjects,
  listTaskObjects,
  type ServiceObject,
  type ServiceSpec,
  type TaskObject,
} from './objects';
import { isSpreadable, isUneven, replicasOf } from './spread';
import { writingAgain } from './writing';

/** An operator's "not this one", on the service. */
const LEAVE_OUT = 'starling.rebalance';
/** On the service, not on its containers: which run has restarted it last. */
const MARK = 'starling.rebalanced';
/** On the service, while a run has changed it: the order in which it replaces tasks otherwise. */
const ORDER = 'starling.update-order';
/** Where the new task comes first, Swarm places it while the old one still counts, and the last of them make it uneven anew. */
const SPREADS = 'stop-first';

/**
 * Restarts the next service that is spread unevenly, once those that this run has restarted before run again: Swarm places
 * one task after another by how many each node has, so two services at once would see the same node empty. Old tasks stop
 * before new ones come, also where a service has it the other way round otherwise: that gets its own way back afterwards.
 */
export function rebalance(client: SwarmClient, mark: string): Promise<Rebalancing> {
  return translatedDocker('rebalance the swarm', () =>
    writingAgain(async () => {
      const [nodes, services, tasks] = await Promise.all([
        listNodeObjects(client),
        listServiceObjects(client),
        listWantedTasks(client),
      ]);
      const marked = services.filter(({ Spec }) => Spec.Labels?.[MARK] === mark);
      const uneven = services.filter((service) => !marked.includes(service) && isMovable(service));
      const [next, ...others] = uneven.filter((service) => isUneven(service, nodes, tasks));
      const restarted = marked.map(({ Spec }) => Spec.Name);
      const changed = services.filter(({ Spec }) => Spec.Labels?.[ORDER] !== undefined);
      if (marked.some((service) => isUnderWay(service, tasks)))
        return { restarted, goesOn: next !== undefined || changed.length > 0 };
      for (const service of changed.filter((one) => !isUnderWay(one, tasks))) await giveBack(client, service);
      if (!next) return { restarted, goesOn: false };
      const { isChanged } = await restart(client, next, mark);
      return { restarted: [...restarted, next.Spec.Name], goesOn: others.length > 0 || isChanged };
    }),
  );
}

/** Those of the services that still replace tasks; what is gone has nothing to replace. */
export function rollouts(client: SwarmClient, names: string[]): Promise<string[]> {
  return translatedDocker('follow the restarts', async () => {
    const [services, tasks] = await Promise.all([listServiceObjects(client), listWantedTasks(client)]);
    const underWay = services.filter((service) => isUnderWay(service, tasks)).map(({ Spec }) => Spec.Name);
    return names.filter((name) => underWay.includes(name));
  });
}

const listWantedTasks = (client: SwarmClient): Promise<TaskObject[]> =>
  listTaskObjects(client, { 'desired-state': ['running'] });

/** One whose last update went wrong and was taken back is for its operator: the mark was taken back with it. */
function isMovable(service: ServiceObject): boolean {
  const isLeftOut = service.Spec.Labels?.[LEAVE_OUT] === 'never';
  return !isLeftOut && isSpreadable(service) && !service.UpdateStatus?.State?.startsWith('rollback');
}

/** The daemon may not have begun yet, so its word alone does not do: as many tasks as asked for run in the newest form. */
function isUnderWay({ ID, Spec, UpdateStatus }: ServiceObject, tasks: TaskObject[]): boolean {
  const form = Spec.TaskTemplate.ForceUpdate ?? 0;
  const isNew = (task: TaskObject): boolean => task.ServiceID === ID && (task.Spec.ForceUpdate ?? 0) === form;
  const running = tasks.filter((task) => isNew(task) && task.Status.State === 'running').length;
  return (
    /^(updating|paused|rollback_started|rollback_paused)$/.test(UpdateStatus?.State ?? '') || running < replicasOf(Spec)
  );
}

/** The whole spec is replaced, and only while the service is as it was read. Its own update settings say in how many steps. */
async function restart(client: SwarmClient, service: ServiceObject, mark: string): Promise<{ isChanged: boolean }> {
  const { Spec } = service;
  const order = Spec.UpdateConfig?.Order ?? SPREADS;
  const isChanged = order !== SPREADS;
  await write(client, service, {
    ...Spec,
    Labels: { ...Spec.Labels, [MARK]: mark, ...(isChanged && { [ORDER]: order }) },
    ...(isChanged && { UpdateConfig: { ...Spec.UpdateConfig, Order: SPREADS } }),
    TaskTemplate: { ...Spec.TaskTemplate, ForceUpdate: (Spec.TaskTemplate.ForceUpdate ?? 0) + 1 },
  });
  return { isChanged };
}

/** Also what a run that broke off has left. Tasks stay as they are. */
async function giveBack(client: SwarmClient, service: ServiceObject): Promise<void> {
  const { [ORDER]: Order = SPREADS, ...Labels } = service.Spec.Labels ?? {};
  await write(client, service, {
    ...service.Spec,
    Labels,
    UpdateConfig: { ...service.Spec.UpdateConfig, Order },
  });
}

const write = (client: SwarmClient, { ID, Version }: ServiceObject, spec: ServiceSpec): Promise<unknown> =>
  client.getService(ID).update({ _query: { version: Version.Index }, _body: spec });
