import { withUnfinished, type ClusterRecord, type ClusterSpec, type Unfinished } from '../shared/model/cluster';
import { AppError } from '../shared/model/errors';
import type { Versioned } from '../shared/ports';
import { compareSpecs, isPolicyOnly, type SpecChanges } from '../shared/model/spec-changes';
import { canonicalVersion } from '../shared/model/version';
import { begin, started } from './begin';
import { isAgent, presentNodes } from './chosen-nodes';
import { clusterName, presentWithNodes } from './clusters';
import { requireSize, requireUpgradable, wouldUpgrade } from './machines';
import { operate, requireFree, requireRunning } from './operate';
import { isPreview, preview } from './preview';
import { invalid, type Call, type Reply } from './respond';
import { wouldScale } from './scale';

/** Deploys a cluster, deploys again what did not come to its end, or converges a living one to a changed spec. */
export async function putCluster(call: Call<ClusterSpec>): Promise<Reply> {
  const name = clusterName(call);
  const found = await call.world.clusters.get(name);
  if (!found) return create(call, name);
  const { record } = found;
  if (await isAsWished(call, record)) return { status: 200, body: await presentWithNodes(call.world, record) };
  requireFree(record);
  if (!hasMachines(record)) return deployAgain(call, record);
  if (call.query['only'])
    throw invalid([{ field: 'only', message: `${name} has machines already; leave this parameter out` }]);
  return record.phase === 'failed' ? deployAgain(call, record) : converge(call, found);
}

/** Endpoints are known once machines were submitted. */
const hasMachines = ({ endpoints }: ClusterRecord): boolean => endpoints.length > 0;

const onlyOf = ({ query }: Call<ClusterSpec>): { only?: 'storage' } =>
  query['only'] === 'storage' ? { only: 'storage' } : {};

/** The same spec again, and what it asks for is there or on its way. */
async function isAsWished(call: Call<ClusterSpec>, row: ClusterRecord): Promise<boolean> {
  const { phase, operation, unfinished = [] } = row;
  const underWay = operation ? await inputOf(call, operation) : undefined;
  if (JSON.stringify(wishOf(row, underWay)) !== JSON.stringify(call.body)) return false;
  if (operation === null && unfinished.length > 0) return false;
  const { only } = onlyOf(call);
  if (phase === 'stored') return only === 'storage' && operation === null;
  if (phase !== 'deploying') return phase !== 'failed' && phase !== 'deleting';
  return only === 'storage' || underWay?.only === undefined;
}

interface UnderWay {
  only?: string;
  version?: string;
  size?: string;
}

const inputOf = async ({ world }: Call<ClusterSpec>, operation: string): Promise<UnderWay | undefined> =>
  (await world.operations.get(operation))?.record.input as UnderWay | undefined;

/** Version and size are in the spec once the cluster has them. */
function wishOf({ spec }: ClusterRecord, { version, size }: UnderWay = {}): ClusterSpec {
  return {
    ...spec,
    version: version ?? spec.version,
    agents: { ...spec.agents, size: size ?? spec.agents.size },
  };
}

function wouldDeploy(name: string, spec: ClusterSpec, { only }: { only?: 'storage' }): string[] {
  const { masters, agents, location, storage } = spec;
  return [
    `create the resource groups ${name}-compute and ${name}-storage, unless they are there`,
    `deploy the network and ${storage.shares.length} shares in ${location}`,
    ...(only ? [] : [`deploy ${masters.count} masters and ${agents.count} agents in ${location}`]),
  ];
}

async function create(call: Call<ClusterSpec>, name: string): Promise<Reply> {
  const only = onlyOf(call);
  await requireOffered(call);
  if (isPreview(call)) return preview('deploy', wouldDeploy(name, call.body, only));
  const row = { spec: call.body, phase: 'deploying' as const };
  return started(await begin(call, name, { verb: 'deploy', input: only, create: row }));
}

/** Throws INVALID_REQUEST for what the location does not offer: a deploy finds that out only when half of it is there. */
async function requireOffered({ world, body: { location, masters, agents } }: Call<ClusterSpec>): Promise<void> {
  const sizes = new Set((await world.cloud.listSizes(location)).map(({ name }) => name));
  const wanted = { 'masters.size': masters.size, 'agents.size': agents.size };
  const missing = Object.entries(wanted).filter(([, size]) => !sizes.has(size));
  const where = `GET /api/locations/${location}/sizes lists those that are`;
  if (missing.length > 0)
    throw invalid(
      missing.map(([field, size]) => ({ field, message: `${size} is not offered in ${location}; ${where}` })),
    );
}

/** A template that is submitted again changes what differs and leaves the rest. */
async function deployAgain(call: Call<ClusterSpec>, record: ClusterRecord): Promise<Reply> {
  const only = onlyOf(call);
  const spec = call.body;
  await requireOffered(call);
  const judge = (row: ClusterRecord): void => {
    requireUnchanged(record, row);
    const changes = compareSpecs(row.spec, spec, hasMachines(row));
    const version = changes.version && hasMachines(row) ? [VERSION_NEEDS_A_CLUSTER] : [];
    requireMutable([...changes.immutable, ...version]);
  };
  return operate(call, record, {
    verb: 'deploy',
    input: only,
    would: wouldDeploy(record.name, spec, only),
    judge,
    change: (row) => ({ ...row, spec, phase: 'deploying', phaseReason: '' }),
  });
}

const VERSION_NEEDS_A_CLUSTER = { field: 'version', reason: 'only a cluster that was deployed to the end is upgraded' };

async function converge(call: Call<ClusterSpec>, { record, etag }: Versioned<ClusterRecord>): Promise<Reply> {
  const spec = call.body;
  const changes = withLeft(compareSpecs(record.spec, spec), record, spec);
  requireMutable(changes.immutable);
  if (isPolicyOnly(changes)) return isPreview(call) ? noteOnly() : store(call, { record, etag });
  requireRunning(record);
  if (changes.version) requireUpgradable(record, changes.version);
  const rows = await presentNodes(call.world, record.name);
  const agents = rows.filter(isAgent).length;
  if (changes.size) await requireSize(call.world, record, { size: changes.size, agents, field: 'agents.size' });
  const judge = (row: ClusterRecord): void => {
    requireUnchanged(record, row);
    requireRunning(row);
  };
  // The version is written when the masters have it: agents that come meanwhile must not be newer than they are. The size is
  // written when the scale set has it.
  const change = (row: ClusterRecord): ClusterRecord => {
    const { version, agents } = row.spec;
    const noted = { ...spec, version, agents: { ...spec.agents, size: agents.size } };
    return withUnfinished({ ...row, spec: noted }, leftBy(changes));
  };
  return operate(call, record, { ...workOf(changes), would: wouldConverge(rows, record, changes), judge, change });
}

/** Also what an earlier operation has left half done. */
function withLeft(changes: SpecChanges, { unfinished = [] }: ClusterRecord, spec: ClusterSpec): SpecChanges {
  const template = changes.template.length === 0 && unfinished.includes('template') ? [LEFT] : changes.template;
  return {
    ...changes,
    template,
    ...(unfinished.includes('version') ? { version: spec.version } : {}),
    ...(unfinished.includes('size') ? { size: spec.agents.size } : {}),
  };
}

const LEFT = 'what an earlier change has not brought about';

const leftBy = ({ template, version, size }: SpecChanges): Unfinished[] => [
  ...(template.length > 0 ? (['template'] as const) : []),
  ...(version ? (['version'] as const) : []),
  ...(size ? (['size'] as const) : []),
];

/** What only the number of agents takes is a scale. */
function workOf({ template, version, size, agents }: SpecChanges): { verb: 'scale' | 'converge'; input: object } {
  if (agents !== undefined && template.length === 0 && !version && !size) return { verb: 'scale', input: { agents } };
  const input = {
    ...(template.length > 0 ? { template: true } : {}),
    ...(version ? { version: canonicalVersion(version) } : {}),
    ...(size ? { size } : {}),
    ...(agents === undefined ? {} : { agents }),
  };
  return { verb: 'converge', input };
}

function wouldConverge(
  rows: Awaited<ReturnType<typeof presentNodes>>,
  record: ClusterRecord,
  { template, version, size, agents }: SpecChanges,
): string[] {
  const before = record.spec.agents;
  return [
    ...(template.length > 0 ? [`submit the template again for ${template.join(', ')}`] : []),
    ...(version ? wouldUpgrade(rows, record, version) : []),
    ...(size ? [`drain and resize the agents from ${before.size} to ${size}`] : []),
    ...(agents === undefined ? [] : [`change the number of agents from ${before.count} to ${agents}`]),
    ...(agents === undefined ? [] : wouldScale(rows, agents)),
  ];
}

/** Throws IMMUTABLE_FIELD naming each. */
function requireMutable(immutable: SpecChanges['immutable']): void {
  if (immutable.length === 0) return;
  const errors = immutable.map(({ field, reason }) => ({ field, message: `cannot change: ${reason}` }));
  const text = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  throw new AppError('IMMUTABLE_FIELD', `${text}. Destroy the cluster and deploy it anew for that`, {
    detail: { errors },
  });
}

const changedMeanwhile = (): AppError =>
  new AppError('AZURE_UNAVAILABLE', 'the cluster changed meanwhile; send the request again', { retryAfterMs: 1000 });

/** What was compared is what is taken: else a change of somebody else would be lost. */
function requireUnchanged(seen: ClusterRecord, row: ClusterRecord): void {
  const relevant = ({ spec, phase, endpoints }: ClusterRecord): string => JSON.stringify([spec, phase, endpoints]);
  if (relevant(seen) !== relevant(row)) throw changedMeanwhile();
}

const noteOnly = (): Reply => preview('converge', ['note the changed limits and policies; no resource changes']);

async function store(call: Call<ClusterSpec>, { record, etag }: Versioned<ClusterRecord>): Promise<Reply> {
  const updatedAt = new Date(call.world.clock.now()).toISOString();
  const updated = { ...record, spec: call.body, updatedAt };
  if (!(await call.world.clusters.replace(updated, etag))) throw changedMeanwhile();
  const { name } = record;
  const event = { cluster: name, id: `${updatedAt}-${name}-spec`, at: updatedAt, subject: name, cause: 'operator' };
  await call.world.events.append([{ ...event, type: 'cluster.spec', message: 'limits and policies were changed' }]);
  return { status: 200, body: await presentWithNodes(call.world, updated) };
}
