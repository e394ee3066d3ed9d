import { ENGINES } from '../../shared/model/engines';
import { isServing, type NodeRecord } from '../../shared/model/node';
import { plan } from '../../shared/model/plan';
import { isSameVersion } from '../../shared/model/version';
import type { World } from '../../shared/ports';
import type { MastersView } from '../contracts';
import { look, type Look } from './observation';
import { engineOf, requireCluster, updateCluster, writeEvent } from './records';

/** One look, as `observeCluster` has it; the number of calls does not grow with the nodes, except for pages. */
export async function observeMasters(
  world: World,
  { cluster, cause }: { cluster: string; cause: string },
): Promise<MastersView> {
  const seen = await look(world, cluster, cause);
  const { count } = seen.record.spec.masters;
  const engineReachable = seen.engineNodes !== undefined;
  const { phase, phaseReason } = plan({
    spec: seen.record.spec,
    rows: seen.rows,
    machines: seen.machines,
    capacity: undefined,
    engineReachable,
    halted: true,
    now: world.clock.now(),
  });
  const masters = Array.from({ length: count }, (_, index) => standingOf(seen, `master${index}`));
  const agents = seen.rows.filter(({ role }) => role === 'agent').length;
  const ownKeys = ENGINES[seen.record.spec.engine].reportOf === 'master';
  const keyHolders = ownKeys && { keyHolders: masters.filter(({ ready }) => ready).map(({ name }) => name) };
  return {
    count,
    masters,
    engineReachable,
    ...keyHolders,
    agents,
    phase: phase === 'ready' ? 'ready' : 'degraded',
    phaseReason,
  };
}

/** Ready is what both the registry and the engine call so: a row may be older than the machine's death. */
function standingOf({ rows, engineNodes }: Look, name: string): MastersView['masters'][number] {
  const row = rows.find(({ role, instanceId }) => role === 'master' && instanceId === name);
  const node = row && engineNodes?.find((node) => node.name === row.nodeName);
  return { name, ready: row?.state === 'ready' && node?.ready === true, version: node?.version ?? '' };
}

/** Only while the operation holds the cluster: else the spec is somebody else's. A repeat changes and tells nothing. */
export async function writeVersion(
  world: World,
  { cluster, operationId, version }: { cluster: string; operationId: string; version: string },
): Promise<void> {
  const { spec } = await requireCluster(world, cluster);
  const after = await updateCluster(world, cluster, (row) =>
    row.operation === operationId && row.spec.version !== version
      ? { ...row, spec: { ...row.spec, version } }
      : undefined,
  );
  if (spec.version === version || after?.spec.version !== version) return;
  const message = `new nodes get ${version} from now on, they got ${spec.version}`;
  await writeEvent(world, { cluster, type: 'cluster.version', subject: cluster, cause: operationId, message });
}

export async function pickOutdated(
  world: World,
  { cluster, version }: { cluster: string; version: string },
): Promise<{ vmIds: string[]; parked: number }> {
  const engine = await engineOf(world, await requireCluster(world, cluster));
  const versions = new Map((await engine?.listNodes())?.map((node) => [node.name, node.version]));
  const isOutdated = ({ role, nodeName }: NodeRecord): boolean =>
    role === 'agent' && versions.has(nodeName) && !isSameVersion(versions.get(nodeName) ?? '', version);
  const outdated = (await world.nodes.list(cluster)).map(({ record }) => record).filter(isOutdated);
  return {
    vmIds: outdated.filter(({ state }) => isServing(state)).map(({ vmId }) => vmId),
    parked: outdated.filter(({ state }) => state === 'parked').length,
  };
}
