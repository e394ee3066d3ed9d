import type { SimRequest } from '../../azure/http';
import type { Clock } from '../../clock';
import type { Target } from './api-target';
import { parseBody } from './api-writes';
import { serviceAccountToken } from './cluster-start';
import type { ClusterRecord, Clusters } from './clusters';
import type { KubeObjects } from './objects';
import { invalid } from './status';

const LEAST_SECONDS = 600; // kube-apiserver refuses less
const DEFAULT_SECONDS = 3_600;

interface TokenCall extends Target {
  cluster: ClusterRecord;
  objects: KubeObjects;
  request: SimRequest;
}

/** `POST …/serviceaccounts/{name}/token`: a token that ends by itself. */
export function issueToken(
  { cluster, objects, resource, namespace, name, request }: TokenCall,
  { clusters, clock }: { clusters: Clusters; clock: Clock },
): object {
  objects.get(resource.plural, namespace, name);
  const { spec } = parseBody(request.body) as { spec?: { expirationSeconds?: number } };
  const expirationSeconds = spec?.expirationSeconds ?? DEFAULT_SECONDS;
  if (expirationSeconds < LEAST_SECONDS)
    throw invalid(
      resource,
      name,
      'spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes',
    );
  const now = clock.now();
  const issued = {
    user: `system:serviceaccount:${namespace}:${name}`,
    token: serviceAccountToken(),
    expiresAt: now + expirationSeconds * 1000,
  };
  const alive = (cluster.issued ?? []).filter(({ expiresAt }) => expiresAt > now);
  clusters.save({ ...clusters.cluster(cluster.uid), issued: [...alive, issued] });
  const status = { token: issued.token, expirationTimestamp: new Date(issued.expiresAt).toISOString() };
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace },
    spec: { ...spec, expirationSeconds },
    status,
  };
}
