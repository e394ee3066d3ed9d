import type { ClusterRecord } from '../model/cluster';
import { ENGINES } from '../model/engines';
import { masterNames, reportName, secretNames } from '../model/names';
import type { EngineAccess, Engines, Vault } from '../ports';
import type { ConnectEngine } from './connect';

/** Engines whose masters' reports lie in the vault. */
export function createEngines(vault: Vault, connectEngine: ConnectEngine): Engines {
  const connect: Engines['connect'] = ({ spec }, reports) => {
    const [first, ...others] = reports;
    return first && connectEngine(spec.engine, [first, ...others]);
  };
  const reports: Engines['reports'] = async (cluster) => {
    const texts = await Promise.all(namesOf(cluster).map((name) => vault.get(name)));
    return texts.flatMap((text) => (text ? [JSON.parse(text) as EngineAccess] : []));
  };
  return {
    reports,
    connect,
    keep: ({ name, spec }, master, report) =>
      vault.set(
        ENGINES[spec.engine].reportOf === 'cluster' ? secretNames(name).engine : reportName(name, master),
        JSON.stringify(report),
      ),
    secretNames: namesOf,
    of: async (cluster) => connect(cluster, await reports(cluster)),
  };
}

function namesOf({ name, spec }: ClusterRecord): string[] {
  if (ENGINES[spec.engine].reportOf === 'cluster') return [secretNames(name).engine];
  return masterNames(spec.masters.count).map((master) => reportName(name, master));
}
