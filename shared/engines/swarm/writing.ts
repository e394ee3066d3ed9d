import { AppError } from '../../model/errors';
import type { SwarmClient } from './connection';
import { isVersionConflict } from './errors';
import { orAbsent, type NodeObject, type NodeSpec } from './objects';

/** Others write once in a while: a node's own status counts as well. */
const ATTEMPTS = 10;

/**
 * Reads, decides and writes; all of it again when somebody has written in between, or when the answer to an own write was lost:
 * then the second reading finds it done.
 */
export async function writingAgain<T>(attempt: () => Promise<T>): Promise<T> {
  for (let conflicts = 0; conflicts < ATTEMPTS; conflicts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isVersionConflict(error)) throw error;
    }
  }
  throw new AppError('ENGINE_UNREACHABLE', 'The swarm is being changed by somebody else all the time; ask again');
}

/** The node as it was read; undefined when there is none. `change` returns undefined when all is as it should be. */
export function changeNode(
  client: SwarmClient,
  find: () => Promise<NodeObject | undefined>,
  change: (node: NodeObject) => NodeSpec | undefined,
): Promise<NodeObject | undefined> {
  return writingAgain(async () => {
    const node = await find();
    const spec = node && change(node);
    if (!spec) return node;
    return orAbsent(writeNode(client, node, spec).then(() => node));
  });
}

/** The whole spec is replaced, and only while the node is as it was read. */
export async function writeNode(client: SwarmClient, { ID, Version }: NodeObject, spec: NodeSpec): Promise<void> {
  await client.getNode(ID).update({ _query: { version: Version.Index }, _body: spec });
}
