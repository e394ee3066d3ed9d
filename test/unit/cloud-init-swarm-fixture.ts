import { type IncomingMessage, type Server, createServer } from 'node:http';
import { mkdirSync } from 'node:fs';
import { at, environment, installScripts, node, put, recorder, run, useNode, type Run } from './cloud-init-fixture';

/** A machine with Docker: a small Engine API on a unix socket that behaves as the real one does, as far as scripts see it. */

export const NODE_ID = 'k9x2m4q7w1e8r5t3y6u0i2o4p';
export const REJOINED_ID = 'z1z1z1z1z1z1z1z1z1z1z1z1z';
export const WORKER_TOKEN = `SWMTKN-1-${'a'.repeat(50)}-${'b'.repeat(25)}`;
const STALE = 'rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster';

type State = 'inactive' | 'pending' | 'active' | 'error' | 'locked';

export interface Asked {
  method: string;
  path: string;
  body: string;
}

/** What a test plans and what it sees; new for each test. */
export const engine = {
  state: 'inactive' as State,
  error: '',
  nodeId: '',
  isManager: false,
  managers: [] as string[],
  version: '29.7.2',
  /** Tasks at each look in turn; the last one stays. */
  tasks: [0],
  /** What becomes of joins in turn; the last one stays. `late`: after as many looks. */
  joins: ['taken'] as (
    'taken' | 'stale' | 'foreign' | 'broken' | 'never' | { late: number; as?: State; error?: string }
  )[],
  nextId: NODE_ID,
  /** Looks until a pending join is over. */
  pendingLooks: Infinity,
  asked: [] as Asked[],
};

let becomes: { state: State; error: string } = { state: 'active', error: '' };
let server: Server;

/** For each test a machine of its own: an agent of a swarm, with Docker in place. */
export function useSwarmNode(): void {
  useNode();
  beforeEach(async () => {
    Object.assign(engine, {
      state: 'inactive',
      error: '',
      nodeId: '',
      isManager: false,
      managers: [],
      version: '29.7.2',
    });
    Object.assign(engine, { tasks: [0], joins: ['taken'], nextId: NODE_ID, pendingLooks: Infinity, asked: [] });
    swarmEnvironment('agent');
    installScripts('swarm');
    put('etc/docker/daemon.json', '{}\n');
    put('lib/systemd/system/docker.service', '[Service]\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n');
    mkdirSync(at('run'), { recursive: true });
    server = createServer((request, response) => {
      void answer(request).then(({ status, body }) => {
        response.statusCode = status;
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((listening) => server.listen(at('run/docker.sock'), listening));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
}

export function swarmEnvironment(role: 'agent' | 'master', more: Record<string, string> = {}): void {
  if (role === 'master') node.instanceName = 'master0';
  environment(role, { STARLING_ENGINE: 'swarm', STARLING_ENGINE_VERSION: '29.7.2', ...more });
}

/** Runs a script of a machine whose dockerd is of the engine's version. */
export const runWithDocker = (script: string, env: Record<string, string> = {}): Promise<Run> =>
  run(script, {
    STARLING_DOCKERD: recorder('dockerd', `echo 'Docker version ${engine.version}, build 1234567'`),
    STARLING_SETTLE_SECONDS: '0',
    STARLING_ENGINE_JOIN_SECONDS: '5',
    STARLING_DRAIN_SECONDS: '5',
    ...env,
  });

export const askedFor = (path: string): Asked[] => engine.asked.filter((asked) => asked.path === path);

const message = (status: number, text: string) => ({ status, body: { message: text } });
const next = <T>(planned: T[]): T | undefined => (planned.length > 1 ? planned.shift() : planned[0]);

async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const { pathname: path, search } = new URL(request.url ?? '', 'http://docker');
  let body = '';
  for await (const chunk of request) body += String(chunk);
  engine.asked.push({ method: request.method ?? '', path: path + (path.startsWith('/swarm') ? search : ''), body });
  if (path === '/info') return { status: 200, body: info() };
  if (path === '/version') return { status: 200, body: { Version: `${engine.version}+dfsg1`, ApiVersion: '1.41' } };
  if (path === '/containers/json') return { status: 200, body: Array(next(engine.tasks)).fill({ Id: 'c' }) };
  if (path === '/swarm/leave') return leave();
  return enter(path);
}

function info(): object {
  if (engine.state === 'pending' && engine.pendingLooks-- <= 0) settleAs(becomes.state, becomes.error);
  return {
    Name: 'a "quoted" name',
    Containers: 0,
    Swarm: {
      NodeID: engine.nodeId,
      NodeAddr: '127.0.0.1',
      LocalNodeState: engine.state,
      ControlAvailable: engine.isManager,
      Error: engine.error,
      RemoteManagers: engine.managers.length > 0 ? engine.managers.map((Addr) => ({ NodeID: 'm', Addr })) : null,
    },
    Warnings: null,
  };
}

function settleAs(state: State, error = ''): void {
  Object.assign(engine, { state, error, nodeId: state === 'active' ? engine.nextId : '' });
}

function leave() {
  if (engine.state === 'inactive') return message(503, 'This node is not part of a swarm');
  settleAs('inactive');
  engine.managers = [];
  return { status: 200, body: '' };
}

function enter(path: string) {
  if (engine.state !== 'inactive')
    return message(503, 'This node is already part of a swarm. Use "docker swarm leave"');
  const outcome = path === '/swarm/init' ? 'taken' : next(engine.joins);
  if (outcome === 'stale') return message(500, STALE);
  if (outcome === 'foreign') return message(500, 'remote CA does not match fingerprint. Expected: 123');
  if (outcome === 'broken') return message(500, 'rpc error: code = Unavailable desc = connection refused');
  if (outcome === 'taken') {
    settleAs('active');
    engine.isManager = path === '/swarm/init';
    return { status: 200, body: engine.nodeId };
  }
  const { late, as = 'active', error = '' } = typeof outcome === 'object' ? outcome : { late: Infinity };
  engine.pendingLooks = late;
  becomes = { state: as, error };
  engine.state = 'pending';
  return message(
    503,
    'Timeout was reached before node joined. The attempt to join the swarm will continue in the background.',
  );
}
