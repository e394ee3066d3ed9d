import { createHash, randomBytes } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import type { K3s, ServerStart } from '../../engines/k3s/k3s';
import type { NewKubeObject } from '../../engines/k3s/kube-object';
import type { JoinOutcome, JoinRequest } from '../../engines/k3s/supervisor';
import {
  chance,
  clusterOf,
  endpointName,
  liveGuest,
  roleOf,
  save,
  schedule,
  type Guest,
  type GuestTask,
  type GuestWorld,
} from '../guest';
import type { Disk, MachineState, Ticket } from '../machine-state';
import type { GuestEngine } from './guest-engine';

/** From the start of `k3s server` until its API answers. */
const SERVER_START_MS = 8_000;
const RESTART_MS = 5_000; // RestartSec of the units; k3s itself pauses as long
const RESTART_CAP_MS = 30_000;
const READY_MS = 2_000; // `starling-ready.service` looks every two seconds whether the API answers

const SERVER = /^https:\/\/[A-Za-z0-9.:-]+$/;

/** k3s on a machine: `k3s.service` on masters, `k3s-agent.service` on agents. */
export function createK3sGuest(k3s: K3s): GuestEngine {
  return {
    journal: { units: /^k3s/, writer: 'k3s' },
    version: { pattern: /^v\d+\.\d+\.\d+([+-][A-Za-z0-9.-]+)?$/, example: 'v1.36.2+k3s1' },
    accepts: ({ role, token, servers }) =>
      token !== '' && (role === 'master' || servers.length > 0) && servers.every((server) => SERVER.test(server)),
    joinClaims: () => ({}), // a kubelet renews its certificate by the token, however late: no membership is ever lost
    takeTicket(world, { spec, state: { disk } }, ticket) {
      const old = disk.ticket;
      if (JSON.stringify(old) === JSON.stringify(ticket)) return undefined;
      if (old && old.nodeName !== ticket.nodeName)
        k3s.stopKubelet(clusterOf(world, spec), old.nodeName, spec.vmId, false);
      return { ...disk, ticket };
    },
    async run(world, task) {
      const guest = liveGuest(world, task);
      const ticket = guest?.state.disk.ticket;
      if (!guest || !ticket) return;
      if (roleOf(world, guest.spec) === 'agent') startAgent({ world, k3s }, task, guest, ticket);
      else await startServer({ world, k3s }, task, guest, ticket);
    },
    readyClaims(_world, guest) {
      const fqdn = endpointName(guest);
      const identity = k3s.identityOf(fqdn);
      return identity && { endpoint: `https://${fqdn}:6443`, ...identity };
    },
    stop(world, guest, isGraceful) {
      const { spec, state } = guest;
      const nodeName = state.disk.ticket?.nodeName;
      if (nodeName === undefined) return;
      k3s.stopKubelet(clusterOf(world, spec), nodeName, spec.vmId, isGraceful);
      if (roleOf(world, spec) === 'master') k3s.stopServer(endpointName(guest));
    },
    forget(world, guest) {
      if (roleOf(world, guest.spec) === 'master') k3s.forgetServer(endpointName(guest));
    },
    snapshot(world, guest, name) {
      const { state } = guest;
      if (!state.disk.isServer) return { ok: false, message: 'k3s: etcd-snapshot needs a server with embedded etcd' };
      if (state.phase !== 'running' || !k3s.identityOf(endpointName(guest)))
        return { ok: false, message: 'level=fatal msg="Error: failed to get etcd client: connection refused"' };
      const saved = `${name}-${state.disk.ticket?.nodeName}-${Math.floor(world.clock.now() / 1000)}`;
      return { ok: true, saved, output: `level=info msg="Snapshot ${saved} saved."` };
    },
    renewCredential: (_world, guest) => k3s.renewCredential(endpointName(guest)),
  };
}

/** What a start needs of the world. */
interface Surroundings {
  world: GuestWorld;
  k3s: K3s;
}

function startAgent({ world, k3s }: Surroundings, task: GuestTask, guest: Guest, ticket: Ticket): void {
  const disk = withPassword(guest);
  const request = joinRequest(world, { ...guest, state: { ...guest.state, disk } }, ticket);
  const outcome = firstAnswer(ticket.servers, (serverUrl) => k3s.joinAgent({ ...request, serverUrl }));
  if (!outcome.ok) return again(world, task, { ...guest.state, disk }, outcome.message);
  const change = { phase: 'running', disk: { ...disk, certificate: outcome.certificate } };
  save(world, guest.state, change, `k3s: Successfully registered node ${ticket.nodeName}`);
}

async function startServer(around: Surroundings, task: GuestTask, guest: Guest, ticket: Ticket): Promise<void> {
  const { world } = around;
  const { state } = guest;
  if (task.attempt === 0) {
    save(world, state, { phase: 'starting the engine' }, `k3s: Starting k3s ${ticket.version}`);
    schedule(world, 'engine', { ...task, attempt: 1 }, SERVER_START_MS);
    return;
  }
  const disk = withPassword(guest);
  const failure = await openServer(around, { ...guest, state: { ...state, disk } }, ticket);
  const now = liveGuest(world, task);
  if (!now) return stopOrphan(around, guest, ticket);
  if (failure !== undefined) return again(world, task, { ...now.state, disk }, failure);
  save(world, now.state, { phase: 'running', disk: { ...disk, isServer: true } }, 'k3s: k3s is up and running');
  schedule(world, 'ready', { ...task, attempt: 0, since: world.clock.now() }, READY_MS);
}

/** The machine died while its server was starting. */
function stopOrphan({ world, k3s }: Surroundings, guest: Guest, { nodeName }: Ticket): void {
  k3s.stopKubelet(clusterOf(world, guest.spec), nodeName, guest.spec.vmId, false);
  k3s.stopServer(endpointName(guest));
}

/** Why the server did not start; undefined when it did. */
async function openServer({ world, k3s }: Surroundings, guest: Guest, ticket: Ticket): Promise<string | undefined> {
  const fqdn = endpointName(guest);
  if (guest.state.disk.isServer)
    return k3s.startServer(fqdn, { bootId: guest.state.bootId, version: ticket.version })
      ? undefined
      : 'this server has been removed from the cluster';
  const start = serverStart(world, guest, ticket);
  if (ticket.initialise || ticket.servers.length === 0) return void (await k3s.initialise(start));
  let outcome: JoinOutcome = { ok: false, status: 503, message: 'no server' };
  for (const serverUrl of ticket.servers) {
    outcome = await k3s.joinServer(start, serverUrl);
    if (outcome.ok || outcome.status !== 503) break;
  }
  return outcome.ok ? undefined : outcome.message;
}

function again(world: GuestWorld, task: GuestTask, state: MachineState, why: string): void {
  const { attempt, vmId } = task;
  const delayMs = Math.min(RESTART_CAP_MS, RESTART_MS * 1.5 ** Math.min(attempt, 6));
  const jitter = 1 + chance(world, 'engine', vmId, attempt) / 2;
  save(world, state, { phase: 'the engine does not start' }, `k3s: ${why}`);
  schedule(world, 'engine', { ...task, attempt: attempt + 1 }, delayMs * jitter);
}

/** The agent asks the next server only when one is not there: a refusal is an answer. */
function firstAnswer(servers: string[], join: (serverUrl: string) => JoinOutcome): JoinOutcome {
  let outcome: JoinOutcome = { ok: false, status: 503, message: 'no server is known' };
  for (const server of servers) {
    outcome = join(server);
    if (outcome.ok || outcome.status !== 503) break;
  }
  return outcome;
}

/** `/etc/rancher/node/password`: made once per disk. */
const withPassword = ({ state: { disk } }: Guest): Disk => ({
  ...disk,
  nodePassword: disk.nodePassword ?? randomBytes(16).toString('hex'),
});

function joinRequest(world: GuestWorld, { spec, state }: Guest, ticket: Ticket): JoinRequest {
  const { disk } = state;
  return {
    clusterName: clusterOf(world, spec),
    serverUrl: ticket.servers[0] ?? '',
    token: ticket.token,
    nodeName: ticket.nodeName,
    nodePassword: disk.nodePassword ?? '',
    machineId: spec.vmId,
    ip: spec.privateIp,
    role: 'agent',
    labels: ticket.labels ?? {},
    version: ticket.version,
    bootId: state.bootId,
    ...(ticket.providerId && { providerId: ticket.providerId }),
    ...(disk.certificate && { certificate: disk.certificate }),
  };
}

/** The line that the product's script writes into `config.yaml`; the ticket does not carry it. */
const CLUSTER_CIDR = /cluster-cidr: "?(\d+(?:\.\d+){3}\/\d+)/;

const MANIFEST = /\.ya?ml$/;

function serverStart(world: GuestWorld, guest: Guest, ticket: Ticket): ServerStart {
  const { files } = world.inventory.customData(guest.spec);
  const clusterCidr = files.map(({ content }) => CLUSTER_CIDR.exec(content)?.[1]).find(Boolean);
  const secret = ticket.token.replace(/^K10[0-9a-f]*::/, '').replace(/^server:/, '');
  return {
    ...joinRequest(world, guest, ticket),
    role: 'server',
    fqdn: endpointName(guest),
    tlsSans: ticket.tlsSans ?? [],
    token: ticket.token,
    // As starling-join.sh makes it, so that the token of agents is not the token of servers.
    agentToken: createHash('sha256').update(`agent ${secret}`).digest('hex'),
    ...(clusterCidr && { clusterCidr }),
    manifests: files.filter(({ path }) => MANIFEST.test(path)).flatMap(({ content }) => objectsOf(content)),
  };
}

const objectsOf = (text: string): NewKubeObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as NewKubeObject | null)
    .filter((object): object is NewKubeObject => typeof object?.kind === 'string')
    .map((object) => ({ ...object, metadata: object.metadata ?? {} }));
