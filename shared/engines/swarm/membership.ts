import { AppError } from '../../model/errors';
import type { SwarmClient } from './connection';
import { readDockerFailure, translatedDocker } from './errors';
import { findNode, NODE_LABELS } from './nodes';
import type { NodeObject } from './objects';
import { writeNode, writingAgain } from './writing';

export type Membership = 'removed' | 'pending' | 'absent';

/** One look, and the request where it was not made yet. The swarm takes the vote away some seconds after it. */
export function removeMember(client: SwarmClient, name: string): Promise<Membership> {
  return translatedDocker(`take ${name} out of the quorum`, () =>
    writingAgain(async () => {
      const node = await findNode(client, name);
      if (!node) return 'absent';
      if (node.Spec.Role === 'manager') return demote(client, node);
      if (node.ManagerStatus) return 'pending';
      return NODE_LABELS.demoted in (node.Spec.Labels ?? {}) ? 'removed' : 'absent';
    }),
  );
}

/** Throws QUORUM_AT_RISK where the swarm could not decide anything without it. */
export async function demote(client: SwarmClient, node: NodeObject): Promise<Membership> {
  const Labels = { ...node.Spec.Labels, [NODE_LABELS.demoted]: 'true' };
  try {
    await writeNode(client, node, { ...node.Spec, Labels, Role: 'worker', Availability: 'drain' });
    return 'pending';
  } catch (error) {
    const { message } = readDockerFailure(error) ?? { message: '' };
    if (NO_MEMBER.test(message)) return 'removed';
    if (AT_RISK.test(message)) throw new AppError('QUORUM_AT_RISK', `The swarm keeps the vote: ${message}`);
    throw error;
  }
}

/** It was promoted, and has never become a member of raft or is none any more (404, `can't find manager in raft memberlist`). */
const NO_MEMBER = /raft memberlist/;
/** `attempting to demote the last manager of the swarm`, `… this would result in a loss of quorum` (both 400). */
const AT_RISK = /last manager|loss of quorum/;
