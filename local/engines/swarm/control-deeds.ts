import { randomUUID } from 'node:crypto';
import type { SimResponse } from '../../azure/http';
import type { DockerApi } from './api/docker-api';
import { DockerError } from './docker-error';
import type { Members } from './membership';
import type { DaemonRecord, NodeRecord, SwarmRecord } from './records';
import type { SwarmState } from './state';

/** What happens to a swarm that Starling has no part in. */
export interface Deeds {
  /** What the command line on the leader does: `{"method": "DELETE", "path": "/nodes/x?force=true", "body": {}}`. */
  docker(swarm: SwarmRecord, body: string): SimResponse;
  /** A machine that is none of the cluster's joins: `{"token": "SWMTKN-…"}`. */
  intrude(swarm: SwarmRecord, body: string): SimResponse;
  /** The certificate of a machine that is off runs out. */
  expire(node: NodeRecord): SimResponse;
}

const INTRUDER_IP = '172.31.99.99'; // in the cluster's network, where none of its machines is

export function createDeeds(state: SwarmState, members: Members, api: DockerApi): Deeds {
  const leaderOf = (swarm: SwarmRecord): DaemonRecord | undefined => {
    const node = state.objects(swarm.ID).nodes.find(swarm.leader);
    return node && state.daemonOf(node);
  };
  return {
    docker(swarm, body) {
      const leader = leaderOf(swarm);
      const { method = 'GET', path = '', body: sent } = parsed(body);
      if (!leader || typeof path !== 'string' || !path.startsWith('/'))
        return { status: 400, body: { error: 'a path, and a swarm with a leader, are needed' } };
      const url = new URL(path, 'http://docker');
      const answer = api(leader, { method: String(method), url, headers: {}, body: sent ? JSON.stringify(sent) : '' });
      return { status: 200, body: { status: answer.status, body: answer.body ?? null } };
    },
    intrude(swarm, body) {
      const { token } = parsed(body);
      const leader = leaderOf(swarm);
      if (!leader || typeof token !== 'string')
        return { status: 400, body: { error: 'a token, and a swarm with a leader, are needed' } };
      const { clusterName, version } = leader;
      const machineId = randomUUID();
      const bootId = randomUUID();
      members.start({ machineId, hostname: 'intruder', ip: INTRUDER_IP, bootId, version, clusterName });
      const remoteAddrs = [`${leader.ip}:2377`];
      try {
        return { status: 200, body: { ok: true, nodeId: members.join(machineId, { remoteAddrs, token }) } };
      } catch (error) {
        if (!(error instanceof DockerError)) throw error;
        return { status: 200, body: { ok: false, message: error.message } };
      }
    },
    expire({ machineId, ID }) {
      const daemon = state.daemon(machineId);
      if (!daemon || daemon.running || daemon.membership?.nodeId !== ID)
        return { status: 409, body: { error: 'its machine must be off: one that runs renews its certificate' } };
      state.saveDaemon({ ...daemon, membership: { ...daemon.membership, issuedAt: 0 } });
      return { status: 200, body: { machineId } };
    },
  };
}

function parsed(body: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(body) as object) };
  } catch {
    return {};
  }
}
