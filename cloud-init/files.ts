import { K3S_FILES } from './k3s-files';
import { type NodeFile, type NodeRole, UNITS, script, unit } from './node-file';
import attest from './scripts/starling-attest.sh';
import blockImds from './scripts/starling-block-imds.sh';
import events from './scripts/starling-events.sh';
import join from './scripts/starling-join.sh';
import json from './scripts/starling-json.sh';
import leave from './scripts/starling-leave.sh';
import storage from './scripts/starling-storage.sh';
import { SWARM_FILES } from './swarm-files';
import blockImdsUnit from './units/starling-block-imds.service';
import eventsUnit from './units/starling-events.service';
import joinUnit from './units/starling-join.service';
import leaveUnit from './units/starling-leave.service';
import storageUnit from './units/starling-storage.service';

export type NodeEngine = 'k3s' | 'swarm';

/** Free of any engine; what one engine does otherwise than another is in its `starling-engine.sh`. */
const SHARED: NodeFile[] = [
  script('starling-json', json),
  script('starling-attest', attest),
  script('starling-block-imds', blockImds),
  script('starling-events', events),
  script('starling-join', join),
  script('starling-leave', leave),
  script('starling-storage', storage),
  unit('starling-block-imds', blockImdsUnit),
  unit('starling-events', eventsUnit),
  unit('starling-join', joinUnit),
  unit('starling-leave', leaveUnit),
  unit('starling-storage', storageUnit),
];

const withShared = (files: Record<NodeRole, NodeFile[]>): Record<NodeRole, NodeFile[]> => ({
  master: [...SHARED, ...files.master],
  agent: [...SHARED, ...files.agent],
});

export const NODE_FILES: Record<NodeEngine, Record<NodeRole, NodeFile[]>> = {
  k3s: withShared(K3S_FILES),
  swarm: withShared(SWARM_FILES),
};

const UNIT_NAME = new RegExp(`^${UNITS}/([^/]+\\.service)$`);

/** Names of a role's units, in the order in which they are to be started; the engine's starts itself later. */
export const unitNames = (files: NodeFile[]): string[] =>
  files.flatMap(({ path }) => UNIT_NAME.exec(path)?.slice(1, 2) ?? []);
