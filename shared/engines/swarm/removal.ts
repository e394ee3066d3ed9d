import type { SwarmClient } from './connection';
import { readDockerFailure, translatedDocker } from './errors';
import { orAbsent } from './objects';

/** By id, which no other machine ever has; also while it answers. False for a manager, which must lose its vote first. */
export const removeNode = (client: SwarmClient, name: string, id: string): Promise<boolean> =>
  translatedDocker(`remove the node ${name}`, () => removeNodeObject(client, id));

export async function removeNodeObject(client: SwarmClient, id: string): Promise<boolean> {
  try {
    await orAbsent(client.getNode(id).remove({ force: true }));
    return true;
  } catch (error) {
    if (MANAGER.test(readDockerFailure(error)?.message ?? '')) return false;
    throw error;
  }
}

/** `node x is a cluster manager and is a member of the raft cluster`, `node x is a manager but …` */
const MANAGER = /is a (cluster )?manager/;
