import { type IncomingMessage, type Server, createServer } from 'node:http';
import { existsSync, mkdirSync } from 'node:fs';
import { type Server as TlsServer, createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  at,
  environment,
  installScripts,
  node,
  put,
  read,
  recorder,
  run,
  useNode,
  type Run,
} from './cloud-init-fixture';

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
  onStart: (): void => undefined,
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
    Object.assign(engine, {
      tasks: [0],
      joins: ['taken'],
      nextId: NODE_ID,
      pendingLooks: Infinity,
      asked: [],
      onStart: () => undefined,
    });
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

/**
 * The engine's second door, on TCP, with the keys that it had at its last start. Gives what a script must be told to find it, and
 * to have it started.
 */
export function useDoor(): { env: () => Record<string, string>; port: () => number } {
  let door: TlsServer;
  const port = (): number => (door.address() as AddressInfo).port;
  beforeEach(async () => {
    door = createTlsServer({ requestCert: true, rejectUnauthorized: true }, (_, response) => response.end('OK'));
    await new Promise<void>((listening) => door.listen(0, '127.0.0.1', listening));
    engine.onStart = () => {
      const key = (name: string): string => read(`etc/docker/starling/${name}.pem`);
      if (existsSync(at('etc/docker/starling/ca.pem')))
        door.setSecureContext({ ca: key('ca'), cert: key('server'), key: key('server-key') });
    };
  });
  afterEach(async () => {
    door.closeAllConnections();
    await new Promise((closed) => door.close(closed));
  });
  const started = `[[ $* == *start\\ docker* ]] && curl -s -o /dev/null --unix-socket "${'$'}{0%/bin/*}/run/docker.sock" http://docker/started || :`;
  const env = () => ({ STARLING_DOCKER_PORT: String(port()), STARLING_SYSTEMCTL: recorder('systemctl', started) });
  return { env, port };
}

/** dockerd as a file that tells its version. */
export const docker = (version: string): string =>
  recorder('dockerd', version ? `echo 'Docker version ${version}, build 1234567'` : 'exit 127');

/** Runs a script of a machine whose dockerd is of the engine's version. */
export const runWithDocker = (script: string, env: Record<string, string> = {}): Promise<Run> =>
  run(script, {
    ...(env['STARLING_DOCKERD'] ? {} : { STARLING_DOCKERD: docker(engine.version) }),
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
  if (path === '/started') {
    engine.onStart();
    return { status: 200, body: '' };
  }
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
