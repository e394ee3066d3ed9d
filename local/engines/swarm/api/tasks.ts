import type { SimResponse } from '../../../azure/http';
import { badRequest, json } from '../docker-error';
import { shown, TASK_STATES, type TaskRecord, type TaskState } from '../records';
import { findOne, type ClusterCall } from './call';
import { filtersOf, hasLabels, hasPrefix } from './filters';
import { nodeOf } from './nodes';
import { serviceOf } from './services';

/** The runtime, which a service's own spec has, is left out of its tasks' (seen with Docker 20.10). */
function told(task: TaskRecord): object {
  const { Runtime: _, ...Spec } = task.Spec;
  return { ...shown(task), Spec };
}

/** Terms for nodes and services are looked up first: one that is unknown, or ambiguous, is an error and no empty list. */
export function listTasks(call: ClusterCall): SimResponse {
  const filters = filtersOf(call.request, [
    'name',
    'id',
    'label',
    'service',
    'node',
    'desired-state',
    '_up-to-date',
    'runtime',
  ]);
  for (const state of filters['desired-state'] ?? [])
    if (!TASK_STATES.includes(state as TaskState)) throw badRequest(`Invalid desired-state filter: '${state}'`);
  const nodes = filters.node?.map((term) => nodeOf({ ...call, term }).ID);
  const services = filters.service?.map((term) => serviceOf({ ...call, term }).ID);
  const chosen = call.objects.tasks
    .list()
    .filter(
      (task) =>
        hasPrefix(task.name, filters.name) &&
        hasPrefix(task.ID, filters.id) &&
        hasLabels(task.Labels, filters.label) &&
        (nodes === undefined || nodes.includes(task.NodeID ?? '')) &&
        (services === undefined || services.includes(task.ServiceID)) &&
        (filters['desired-state'] ?? [task.DesiredState]).includes(task.DesiredState),
    );
  return json(200, chosen.map(told));
}

export const inspectTask = ({ objects, term }: ClusterCall): SimResponse =>
  json(200, told(findOne('task', objects.tasks.list(), term, ({ name }) => name)));
