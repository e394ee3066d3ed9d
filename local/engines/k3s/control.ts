import type { Handler } from '../../azure/http';
import { parseLabelChanges, withChanges } from '../label-changes';
import type { Clusters } from './clusters';
import { DEMO_WORKLOAD } from './demo-workload';
import { isReady } from './pod-scheduling';

/**
 * `POST /_local/engine/{cluster}/disruption-budget {"allowed": n}`: from now on at most n pods of the demo workload may
 * be disrupted at once; `null` removes the budget. 404 for an unknown cluster, 400 for another body.
 * `GET /_local/engine/{cluster}/nodes`: the nodes as the engine has them, each with its boot, version and pods.
 * `POST /_local/engine/{cluster}/nodes/{node}/labels {"name": "value"}`: what `kubectl label node` does; `null` removes one.
 * `GET /_local/engine/{cluster}/bootstrap-tokens`: ids of the tokens with which agents may join now, and no secret.
 */
export function createControl(clusters: Clusters): Handler {
  return ({ method, url, body }) => {
    const [, labelled, node] = /^\/_local\/engine\/([^/]+)\/nodes\/([^/]+)\/labels$/.exec(url.pathname) ?? [];
    if (labelled !== undefined && method === 'POST')
      return labelNode(clusters, { cluster: labelled, node: node ?? '', body });
    const [, name, what] =
      /^\/_local\/engine\/([^/]+)\/(disruption-budget|nodes|bootstrap-tokens)$/.exec(url.pathname) ?? [];
    if (name === undefined || method !== (what === 'disruption-budget' ? 'POST' : 'GET'))
      return { status: 404, body: { error: 'unknown control route' } };
    const cluster = clusters.named(name);
    if (!cluster) return { status: 404, body: { error: `no k3s cluster ${name} is running` } };
    if (what === 'nodes') return { status: 200, body: { nodes: nodesOf(clusters, cluster.uid) } };
    if (what === 'bootstrap-tokens') return { status: 200, body: { tokens: tokensOf(clusters, cluster.uid) } };
    const allowed = parseAllowed(body);
    if (allowed === undefined) return { status: 400, body: { error: 'allowed must be null or a number from 0' } };
    setBudget(clusters, cluster.uid, allowed);
    return { status: 200, body: { allowed } };
  };
}

function labelNode(clusters: Clusters, { cluster, node, body }: { cluster: string; node: string; body: string }) {
  const uid = clusters.named(cluster)?.uid;
  const found = uid === undefined ? undefined : clusters.objects(uid).find('nodes', '', node);
  if (uid === undefined || !found) return { status: 404, body: { error: `${cluster} has no node ${node}` } };
  const given = parseLabelChanges(body);
  if (!given) return { status: 400, body: { error: 'an object of texts, or null, is needed' } };
  const labels = withChanges(found.metadata.labels, given);
  clusters.objects(uid).update('nodes', { ...found, metadata: { ...found.metadata, labels } });
  return { status: 200, body: { labels } };
}

function nodesOf(clusters: Clusters, uid: string): object[] {
  const objects = clusters.objects(uid);
  const pods = objects.list('pods');
  return objects.list('nodes').map((node) => ({
    name: node.metadata.name,
    uid: node.metadata.uid,
    ready: isReady(node),
    unschedulable: node.spec?.['unschedulable'] === true,
    ...bootOf(node.status?.['nodeInfo']),
    pods: pods.filter((pod) => pod.spec?.['nodeName'] === node.metadata.name).map((pod) => pod.metadata.name),
  }));
}

function bootOf(nodeInfo: unknown): { bootId: string; version: string } {
  const { bootID = '', kubeletVersion = '' } = (nodeInfo ?? {}) as { bootID?: string; kubeletVersion?: string };
  return { bootId: bootID, version: kubeletVersion };
}

const tokensOf = (clusters: Clusters, uid: string): string[] =>
  clusters
    .objects(uid)
    .list('secrets', 'kube-system')
    .filter(({ type }) => type === 'bootstrap.kubernetes.io/token')
    .map(({ metadata }) => metadata.name.slice('bootstrap-token-'.length));

function parseAllowed(body: string): number | null | undefined {
  try {
    const { allowed } = JSON.parse(body) as { allowed?: unknown };
    const valid = allowed === null || (typeof allowed === 'number' && Number.isInteger(allowed) && allowed >= 0);
    return valid ? (allowed as number | null) : undefined;
  } catch {
    return undefined;
  }
}

function setBudget(clusters: Clusters, uid: string, allowed: number | null): void {
  const objects = clusters.objects(uid);
  const demo = DEMO_WORKLOAD.find(({ plural }) => plural === 'deployments')?.object.metadata;
  const { name = '', namespace = '', labels = {} } = demo ?? {};
  if (objects.find('poddisruptionbudgets', namespace, name)) objects.remove('poddisruptionbudgets', namespace, name);
  if (allowed === null) return;
  const spec = { maxUnavailable: allowed, selector: { matchLabels: labels } };
  objects.create('poddisruptionbudgets', {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec,
  });
}
