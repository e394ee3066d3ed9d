import { SERVICE_ROUTES } from './routes/service';
import { CLUSTER_ROUTES } from './routes/clusters';
import { VERB_ROUTES } from './routes/verbs';
import { WORKLOAD_ROUTES } from './routes/workloads';
import { ACCESS_ROUTES } from './routes/access';
import { NODE_ROUTES } from './routes/nodes';
import { OPERATION_ROUTES } from './routes/operations';

export type { Auth, Route } from './routes/route';

/** The whole HTTP surface as data: functions, OpenAPI, README and the CLI are made from or checked against it. */
export const ROUTES = {
  ...SERVICE_ROUTES,
  ...CLUSTER_ROUTES,
  ...VERB_ROUTES,
  ...WORKLOAD_ROUTES,
  ...ACCESS_ROUTES,
  ...NODE_ROUTES,
  ...OPERATION_ROUTES,
};
