import { createHash } from 'node:crypto';
import type { Handler, SimResponse } from '../../azure/http';
import { parseLabelChanges, withChanges } from '../label-changes';
import type { Deeds } from './control-deeds';
import { isOver } from './orchestrator/pass';
import type { NodeRecord, SwarmRecord, TaskRecord } from './records';
import type { SwarmState } from './state';

/**
 * `GET /_local/engine/{cluster}/nodes`: the nodes as the swarm has them, each with its boot, version and tasks.
 * `GET /_local/engine/{cluster}/services`: the services, each with what its tasks are at.
 * `GET /_local/engine/{cluster}/tokens`: which tokens are good for joining now, and the swarm's labels; no secret.
 * `POST /_local/engine/{cluster}/nodes/{name or id}/labels {"name": "value"}`: what `docker node update --label-add` does;
 * `null` removes one. `POST …/nodes/{name or id}/expire`, `POST …/docker`, `POST …/intruders`: see control-deeds.ts.
 * 404 for an unknown cluster or node, 400 for another body.
 */
export function createControl(state: SwarmState, deeds: Deeds): Handler {
  return ({ method, url, body }) => {
    const [, name = '', what = '', node, action] =
      /^\/_local\/engine\/([^/]+)\/(nodes|services|tokens|docker|intruders)(?:\/([^/]+)\/(labels|expire))?$/.exec(
        url.pathname,
      ) ?? [];
    const answer = ANSWERS[`${method} ${what}${action ? `/${action}` : ''}`];
    if (!answer) return { status: 404, body: { error: 'unknown control route' } };
    const swarm = state.swarmOf(name);
    if (!swarm) return { status: 404, body: { error: `no swarm ${name} is running` } };
    return answer({ state, deeds, swarm, node: decodeURIComponent(node ?? ''), body });
  };
}

interface Asked {
  state: SwarmState;
  deeds: Deeds;
  swarm: SwarmRecord;
  node: string;
  body: string;
}

const ANSWERS: Record<string, (asked: Asked) => SimResponse> = {
  'GET nodes': ({ state, swarm }) => ({ status: 200, body: { nodes: nodesOf(state, swarm) } }),
  'GET services': ({ state, swarm }) => ({ status: 200, body: { services: servicesOf(state, swarm) } }),
  'GET tokens': ({ swarm }) => ({ status: 200, body: tokensOf(swarm) }),
  'POST nodes/labels': (asked) => withNode(asked, (node) => labelNode(asked, node)),
  'POST nodes/expire': (asked) => withNode(asked, asked.deeds.expire),
  'POST docker': ({ deeds, swarm, body }) => deeds.docker(swarm, body),
  'POST intruders': ({ deeds, swarm, body }) => deeds.intrude(swarm, body),
};

/** Starling names nodes by label; a hostname is only a description. */
const nameOf = ({ Spec, Description }: NodeRecord): string => Spec.Labels['starling.node'] ?? Description.Hostname;

function nodesOf(state: SwarmState, swarm: SwarmRecord): object[] {
  const { nodes, tasks } = state.objects(swarm.ID);
  const live = tasks.list().filter((task) => !isOver(task));
  return nodes.list().map((node) => ({
    name: nameOf(node),
    uid: node.ID,
    ready: node.Status.State === 'ready',
    unschedulable: node.Spec.Availability !== 'active',
    bootId: state.daemonOf(node)?.bootId ?? '',
    version: node.Description.Engine.EngineVersion,
    pods: live.filter(({ NodeID }) => NodeID === node.ID).map(({ name }) => name),
    role: swarm.members.includes(node.ID) ? 'manager' : 'worker',
    isLeader: swarm.leader === node.ID,
    availability: node.Spec.Availability,
    labels: node.Spec.Labels,
  }));
}

function servicesOf(state: SwarmState, { ID }: SwarmRecord): object[] {
  const { services, tasks, nodes } = state.objects(ID);
  const names = new Map(nodes.list().map((node) => [node.ID, nameOf(node)]));
  const all = tasks.list();
  const told = ({ name, NodeID = '', Status, DesiredState }: TaskRecord): object => ({
    name,
    node: names.get(NodeID) ?? NodeID,
    state: Status.State,
    desired: DesiredState,
    ...(Status.Err && { error: Status.Err }),
  });
  return services.list().map((service) => {
    const own = all.filter(({ ServiceID }) => ServiceID === service.ID);
    return {
      name: service.Spec.Name,
      replicas: service.Spec.Mode.Replicated?.Replicas ?? 'global',
      running: own.filter(({ Status, DesiredState }) => Status.State === 'running' && DesiredState === 'running')
        .length,
      update: service.UpdateStatus?.State ?? '',
      tasks: own.map(told),
    };
  });
}

const publicPart = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 6);

const tokensOf = ({ JoinTokens, Spec }: SwarmRecord): object => ({
  worker: publicPart(JoinTokens.Worker),
  manager: publicPart(JoinTokens.Manager),
  labels: Spec.Labels,
});

function withNode({ state, swarm, node }: Asked, act: (node: NodeRecord) => SimResponse): SimResponse {
  const nodes = state.objects(swarm.ID).nodes.list();
  const found = nodes.find((one) => one.ID === node || nameOf(one) === node);
  return found ? act(found) : { status: 404, body: { error: `${swarm.clusterName} has no node ${node}` } };
}

function labelNode({ state, swarm, body }: Asked, found: NodeRecord): SimResponse {
  const given = parseLabelChanges(body);
  if (!given) return { status: 400, body: { error: 'an object of texts, or null, is needed' } };
  const Labels = withChanges(found.Spec.Labels, given);
  state.objects(swarm.ID).nodes.change(found.ID, { Spec: { ...found.Spec, Labels } });
  return { status: 200, body: { labels: Labels } };
}
