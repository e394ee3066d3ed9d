import type { z } from 'zod';
import { ClaimsSchema, JoinClaimsSchema, type Ticket } from '../shared/api';
import type { ClusterRecord } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import { ENGINES } from '../shared/model/engines';
import { decideJoin, initialisesCluster, mayMasterJoin, mayRejoin } from '../shared/model/join';
import { masterFqdn } from '../shared/model/names';
import { advanceTo, isServing, type NodeRecord } from '../shared/model/node';
import { stateEvent } from '../shared/model/observe';
import type { EnginePort, Versioned, World } from '../shared/ports';
import { identify, type AttestedCall, type Caller } from './attested';
import { minuteOf, noteRefusal } from './refusals';
import type { Reply } from './respond';
import { requestReconcile } from './request-reconcile';
import { storageForTicket } from './storage';

/** A node asks again after that: boots of masters take a minute or two, and a thousand nodes must not ask at once. */
const NOT_YET_RETRY_MS = { least: 10_000, perAgent: 100, most: 60_000 };
const CLAIM_ATTEMPTS = 60;

type JoinCaller = Caller<z.infer<typeof JoinClaimsSchema>>;

/** A VM proves who it is and gets the ticket with which it joins: one per VM and generation. */
export async function join(call: AttestedCall): Promise<Reply> {
  const caller = await identify(call, JoinClaimsSchema);
  try {
    const ticket =
      caller.row.record.role === 'master'
        ? await masterTicket(call.world, caller)
        : await agentTicket(call.world, caller);
    const storage = await storageForTicket(call, caller.record);
    return { status: 200, body: { ...ticket, ...storage }, headers: { 'cache-control': 'no-store' } };
  } catch (error) {
    if (error instanceof AppError) await noteRefusal(call.world, caller.record.name, error, caller.row.record.nodeName);
    throw error;
  }
}

function notYet(record: ClusterRecord, what: string): AppError {
  const { least, perAgent, most } = NOT_YET_RETRY_MS;
  const retryAfterMs = Math.min(most, Math.max(least, perAgent * record.spec.agents.count));
  return new AppError('CLUSTER_NOT_READY', `${what}; ask again`, { retryAfterMs });
}

async function agentTicket(world: World, caller: JoinCaller): Promise<Ticket> {
  const { record } = caller;
  const engine = await world.engines.of(record);
  if (!engine) throw notYet(record, 'no master is ready yet');
  // One that has joined before is told so at once; any other claims nothing while nobody can tell it where to go.
  const isIn = caller.row.record.registeredAt !== '' && !caller.claims.rejoin;
  const servers = isIn ? [] : await masterServers(world, record);
  const claimed = await claimTicket(world, caller, engine);
  const token = {
    ...(await world.mint.derive({ ...claimed, attempt: claimed.ticketAttempt })),
    expiresAt: claimed.ticketExpiresAt,
  };
  return {
    ...common(record, claimed),
    role: 'agent',
    token: await engine.admitToken(token),
    servers,
    labels: labelsOf(record, claimed),
  };
}

async function masterTicket(world: World, caller: JoinCaller): Promise<Ticket> {
  const { record } = caller;
  const masters = await mastersOf(world, record);
  const { instanceId, registeredAt } = caller.row.record;
  // One that has joined before is told so at once: when a whole cluster starts, nobody is ready yet.
  if (!registeredAt && !mayMasterJoin(instanceId, masters, world.clock.now()))
    throw notYet(record, `other masters come before ${instanceId}, or none is ready`);
  const initialise = initialisesCluster(instanceId, masters);
  const engine = initialise ? undefined : await world.engines.of(record);
  const claimed = await claimTicket(world, caller, engine);
  const fqdn = fqdnOf(world, record, instanceId);
  return {
    ...common(record, claimed),
    role: 'master',
    token: await masterToken(world, record, { initialise, engine }),
    servers: initialise ? [] : await masterServers(world, record, instanceId),
    labels: labelsOf(record, claimed),
    initialise,
    tlsSans: [fqdn],
  };
}

/** Who begins a cluster whose engine makes its own tokens needs none. */
async function masterToken(
  world: World,
  record: ClusterRecord,
  { initialise, engine }: { initialise: boolean; engine: EnginePort | undefined },
): Promise<string> {
  const given = ENGINES[record.spec.engine].isTokenGiven ? await world.mint.serverToken(record.name) : '';
  if (engine) return engine.masterToken(given);
  if (given || initialise) return given;
  throw notYet(record, 'no master is ready yet');
}

/** Also those that the node is given once it has said who it is. */
export const labelsOf = ({ spec }: ClusterRecord, { role, instanceId }: NodeRecord): Record<string, string> =>
  role === 'master' ? ENGINES[spec.engine].masterLabels : { [INSTANCE_LABEL[spec.engine]]: instanceId };

/** Swarm's constraints know no slash. */
const INSTANCE_LABEL = { k3s: 'starling.io/instance', swarm: 'starling.instance' };

const common = ({ spec }: ClusterRecord, row: NodeRecord): Pick<Ticket, 'engine' | 'nodeName' | 'version'> => ({
  engine: spec.engine,
  nodeName: row.nodeName,
  version: spec.version,
});

export function fqdnOf(world: World, { name, spec }: ClusterRecord, master: string): string {
  return masterFqdn(name, spec.location, world.uniqueSuffix(name), Number(master.slice('master'.length)));
}

const mastersOf = async (world: World, { name }: ClusterRecord): Promise<NodeRecord[]> =>
  (await world.nodes.list(name, 'master')).map(({ record }) => record);

/** Private addresses of the masters, first those that are surely there: a lost one stays on record until it is repaired. */
async function masterServers(world: World, record: ClusterRecord, without = ''): Promise<string[]> {
  const usable = (await mastersOf(world, record)).filter(
    ({ instanceId, address, ticketAttempt, state }) =>
      instanceId !== without && address && ticketAttempt > 0 && state !== 'failed' && state !== 'gone',
  );
  if (usable.length === 0) throw notYet(record, 'no master’s address is known yet');
  const rank = ({ state, instanceId }: NodeRecord): string => `${state === 'ready' ? 0 : 1}${instanceId}`;
  return usable
    .sort((a, b) => rank(a).localeCompare(rank(b)))
    .map(({ address }) => ENGINES[record.spec.engine].joinAddress(address));
}

/** Writes the claim down before any token exists. Of many at once one writes, and all get the same ticket. */
async function claimTicket(
  world: World,
  { row: first, claims }: JoinCaller,
  engine: EnginePort | undefined,
): Promise<NodeRecord> {
  let row: Versioned<NodeRecord> | undefined = first;
  for (let attempt = 0; row && attempt < CLAIM_ATTEMPTS; attempt++) {
    const { etag }: Versioned<NodeRecord> = row;
    const { record, inEngine } = await membership(row.record, claims.rejoin === true, engine);
    const decision = decideJoin(record, inEngine, world.clock.now());
    if (!decision.ok && decision.code === 'ALREADY_JOINED' && record.goingDown) await welcomeBack(world, row, engine);
    if (!decision.ok) throw new AppError(decision.code, decision.message);
    if (decision.attempt === record.ticketAttempt) return record;
    const now = new Date(world.clock.now()).toISOString();
    const claimed = {
      ...(advanceTo(record, 'joining', now) ?? record),
      ticketAttempt: decision.attempt,
      ticketExpiresAt: decision.expiresAt,
    };
    if (await world.nodes.replace(claimed, etag)) {
      if (claimed.state !== record.state)
        await world.events.append([stateEvent(claimed, record.state, { now, cause: 'node' })]);
      return claimed;
    }
    row = await world.nodes.get(record.cluster, record.vmId);
  }
  throw new AppError('UNKNOWN_INSTANCE', 'the virtual machine is no longer part of the cluster');
}

/**
 * Is the machine part of the cluster? Only a repeat can be a replay after a registration that no look has noted yet; only that
 * costs a look at the engine, which may not answer while a whole cluster starts. One that says its membership counts no longer
 * begins anew when the engine has lost it: else whoever can be attested as that machine could get a token at any time.
 */
async function membership(
  record: NodeRecord,
  rejoin: boolean,
  engine: EnginePort | undefined,
): Promise<{ record: NodeRecord; inEngine: boolean }> {
  const mayBeIn = record.ticketAttempt > 0 && !record.registeredAt;
  const node = rejoin || mayBeIn ? await engine?.getNode(record.nodeName) : undefined;
  if (!rejoin || !engine || !mayRejoin(record, node)) return { record, inEngine: mayBeIn && node !== undefined };
  return { record: record.registeredAt ? anew(record) : record, inEngine: false };
}

/** It is up again, where an agent may have got another address; a master keeps its own, under which others are told to find it. */
const anew = (row: NodeRecord): NodeRecord => ({
  ...row,
  registeredAt: '',
  ticketExpiresAt: '',
  goingDown: false,
  address: row.role === 'master' ? row.address : '',
});

/** A node that said it was going down has booted again: it may take work, unless it is being removed. */
async function welcomeBack(
  world: World,
  { record, etag }: Versioned<NodeRecord>,
  engine: EnginePort | undefined,
): Promise<void> {
  if (!isServing(record.state)) return;
  await engine?.uncordon(record.nodeName);
  await world.nodes.replace({ ...record, goingDown: false }, etag); // a lost write is made up at the next boot
  await engine?.uncordon(record.nodeName); // a farewell that was still on its way may have cordoned it in between
}

/** A VM says that it is going down: no new work goes to it. A hint; the reconcile decides what follows. */
export async function leave(call: AttestedCall): Promise<Reply> {
  const { record, row } = await identify(call, ClaimsSchema);
  const { nodeName, role, vmId } = row.record;
  const at = new Date(call.world.clock.now()).toISOString();
  await call.world.events.append([
    {
      cluster: record.name,
      id: `leave-${vmId}-${minuteOf(at)}`, // said again in the same minute it tells nothing new
      at,
      type: 'node.goingDown',
      subject: nodeName,
      cause: 'node',
      message: `${nodeName} says that it is going down`,
    },
  ]);
  const engine = role === 'agent' ? await call.world.engines.of(record) : undefined;
  if (engine && (await call.world.nodes.replace({ ...row.record, goingDown: true }, row.etag))) {
    await cordonGoingDown(call.world, row.record, engine);
  }
  await requestReconcile(call, record.name, 'node');
  return { status: 200, body: { accepted: true } };
}

/** A machine may say farewell just when it is welcomed back: whoever sees the other's work done undoes its own. */
async function cordonGoingDown(
  world: World,
  { cluster, vmId, nodeName }: NodeRecord,
  engine: EnginePort,
): Promise<void> {
  await engine.cordon(nodeName);
  const row = await world.nodes.get(cluster, vmId);
  if (row && !row.record.goingDown) await engine.uncordon(nodeName);
}
