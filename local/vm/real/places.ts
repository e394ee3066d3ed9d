import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/** Where things of one local Azure are. All names follow from its state folder, so that a later run finds what an earlier one left. */
export interface Places {
  /** Disks of the nodes, a folder each. */
  nodesDir: string;
  /** Sockets, whose paths may not be long. */
  runDir: string;
  /** Control group of all that belongs to this local Azure. */
  group: string;
  nodesGroup: string;
  gatewaysGroup: string;
}

export function placesOf(stateDir: string): Places {
  const group = `starling-${shortHash(resolve(stateDir))}`;
  return {
    nodesDir: join(stateDir, 'nodes'),
    runDir: `/run/${group}`,
    group,
    nodesGroup: `${group}/nodes`,
    gatewaysGroup: `${group}/gateways`,
  };
}

/** Eight hexadecimal digits. */
export const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);
