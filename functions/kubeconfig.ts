import { stringify } from 'yaml';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { ENGINES } from '../shared/model/engines';
import type { EngineAccess, World } from '../shared/ports';
import { requireCluster } from './clusters';
import { requireRunning } from './operate';
import type { Call, Reply } from './respond';
import { requireReported } from './workloads';

/** A working day. */
const DEFAULT_HOURS = 8;
const HOUR_MS = 3_600_000;
/** Other endpoints of a cluster are those of its ingress. */
const MASTER_NAME = /^master\d/;

/**
 * Access for kubectl as an administrator, by a token that ends by itself. One context for each master; the current one is of a
 * master that answers. Whoever gets it has the cluster, so it is kept nowhere and logged nowhere.
 */
export async function getKubeconfig(call: Call): Promise<Reply> {
  const { record } = await requireCluster(call);
  const { engine } = record.spec;
  if (engine !== 'k3s')
    throw new AppError(
      'UNSUPPORTED_ENGINE',
      `${record.name} has no kubeconfig: its engine is ${ENGINES[engine].title}`,
    );
  requireRunning(record);
  const [reported] = await call.world.engines.reports(record);
  const access = requireReported(reported, record);
  const lifetimeMs = Number(call.query['hours'] ?? DEFAULT_HOURS) * HOUR_MS;
  const masters = mastersOf(record, access);
  const { token, current } = await mint(call.world, { record, access, masters, lifetimeMs });
  const config = kubeconfig({ cluster: record.name, masters, current, token, caPem: access.caPem });
  return { status: 200, body: stringify(config, { lineWidth: 0 }), headers: { 'cache-control': 'no-store' } };
}

interface Master {
  name: string;
  server: string;
}

function mastersOf({ endpoints }: ClusterRecord, { endpoint }: EngineAccess): Master[] {
  const named = endpoints
    .filter(({ name }) => MASTER_NAME.test(name))
    .map(({ name, fqdn }) => ({ name, server: `https://${fqdn}:${ENGINES.k3s.apiPort}` }));
  return named.length > 0 ? named : [{ name: 'master0', server: endpoint }];
}

interface Wanted {
  record: ClusterRecord;
  access: EngineAccess;
  masters: Master[];
  lifetimeMs: number;
}

/** Each master is asked by itself: the first that makes the token is one that answers. */
async function mint(
  world: World,
  { record, access, masters, lifetimeMs }: Wanted,
): Promise<{ token: string; current: Master }> {
  let trouble: unknown;
  for (const current of masters) {
    const engine = world.engines.connect(record, [{ ...access, endpoint: current.server, others: [] }]);
    try {
      const { token } = await requireReported(engine, record).operatorToken(lifetimeMs);
      return { token, current };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'ENGINE_UNREACHABLE') throw error;
      trouble = error;
    }
  }
  throw trouble;
}

interface Parts {
  cluster: string;
  masters: Master[];
  current: Master;
  token: string;
  caPem: string;
}

function kubeconfig({ cluster, masters, current, token, caPem }: Parts): object {
  const ca = Buffer.from(caPem).toString('base64');
  const user = `${cluster}-operator`;
  const nameOf = ({ name }: Master): string => `${cluster}-${name}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: masters.map((master) => ({
      name: nameOf(master),
      cluster: { server: master.server, 'certificate-authority-data': ca },
    })),
    users: [{ name: user, user: { token } }],
    contexts: masters.map((master) => ({ name: nameOf(master), context: { cluster: nameOf(master), user } })),
    'current-context': nameOf(current),
  };
}
