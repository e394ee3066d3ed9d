import { batchOf } from '../shared/model/batch';
import { refuse, type Refusal } from '../shared/model/errors';
import { mayUpgradeMaster } from '../shared/model/quorum';
import { canonicalVersion, isSameVersion, upgradeProblem } from '../shared/model/version';
import { activities, type MastersView, type OperationInput, type UpgradeInput } from './contracts';
import { call, inputOf, now, sleep, type OrchestrationContext, type Workflow } from './durable';
import { broken, command, observeMasters, refused, waitForMasters } from './masters';
import { carryOut, publish } from './operation';
import { lookPauseMs } from './pace';
import { rollAgents } from './roll-agents';

/** Agents that ask for their ticket while the version changes come with the old one: they are found at the next look. */
const MAX_ROUNDS = 3;
/** Swarm needs seconds; who is not ready by then is not only without a leader. */
const ELECTION_DEADLINE_MS = 2 * 60_000;
const AGAIN = 'upgrade again to go on from here';

/** What an upgrade has done; nothing at all when everything had the version. */
export interface Upgraded {
  version: string;
  /** Of the engine, on the master that was asked; null when no master had to be upgraded. */
  snapshot: string | null;
  masters: string[];
  agents: string[];
  /** Pods that were cut off at the drain deadline. */
  blocked: string[];
  /** Agents that keep the old version until they are started and the cluster is upgraded again. */
  parked: number;
}

/** Brings the engine to another version: masters in place, one at a time, then agents by empty disks. */
export function* upgradeCluster(context: OrchestrationContext): Workflow<void> {
  yield* carryOut(context, inputOf<UpgradeInput>(context), function* (context, input) {
    const upgraded = yield* upgradeTo(context, input, input.version);
    const { phase, phaseReason } = yield* observeMasters(context, input);
    const nothing = upgraded.masters.length + upgraded.agents.length === 0;
    const note = nothing ? { note: `everything runs ${upgraded.version}; there was nothing to do` } : {};
    return { state: 'succeeded', result: { ...upgraded, ...note }, phase, phaseReason };
  });
}

/** Whoever has the version already is left alone, so a repeat goes on where the last one ended. Ends the operation when it fails. */
export function* upgradeTo(
  context: OrchestrationContext,
  operation: OperationInput,
  wanted: string,
): Workflow<Upgraded> {
  const { cluster, operationId } = operation;
  const version = canonicalVersion(wanted);
  yield* publish(context, operation, 'looking at the versions', { done: 0, total: 1, unit: 'looks' });
  const view = yield* observeMasters(context, operation);
  const refusal = preflight(view, version);
  if (refusal) throw refused(refusal, view);
  const outdated = outdatedOf(view, version);
  const snapshot = outdated.length > 0 ? yield* saveState(context, operation, view) : null;
  for (const [done, name] of outdated.entries())
    yield* upgradeMaster(context, operation, { name, version, done, total: outdated.length });
  yield* call(context, activities.writeVersion, { cluster, operationId, version });
  const agents = yield* upgradeAgents(context, operation, version);
  return { version, snapshot, masters: outdated, ...agents };
}

/** Judged by what runs, not by the wish on record: an upgrade that broke off has left both behind. */
function preflight({ masters, engineReachable }: MastersView, version: string): Refusal | undefined {
  if (!engineReachable) return refuse('ENGINE_UNREACHABLE', 'no master answers, so none can be upgraded');
  for (const master of masters) {
    const problem = master.version === '' ? undefined : upgradeProblem(master.version, version);
    if (problem) return refuse('INVALID_REQUEST', `${master.name}: ${problem}`);
  }
  const away = masters.find(({ ready }) => !ready);
  return away && refuse('QUORUM_AT_RISK', `${away.name} is not ready; wait for it, or repair it, then upgrade`);
}

const outdatedOf = ({ masters }: MastersView, version: string): string[] =>
  masters.filter((master) => !isSameVersion(master.version, version)).map(({ name }) => name);

/** What the engine knows is saved on the disk of a master before anything changes. */
function* saveState(context: OrchestrationContext, operation: OperationInput, view: MastersView): Workflow<string> {
  yield* publish(context, operation, 'saving the state of the engine', { done: 0, total: 1, unit: 'snapshots' });
  const saver = view.masters[0]?.name ?? '';
  const snapshot = `starling-${operation.operationId.split('.').at(-1) ?? ''}`;
  const problem = yield* command(context, operation, {
    name: saver,
    command: { kind: 'snapshot', name: snapshot },
  });
  if (problem) throw refused(problem, view);
  return `${snapshot} on ${saver}`;
}

function* upgradeMaster(
  context: OrchestrationContext,
  operation: OperationInput,
  { name, version, done, total }: { name: string; version: string; done: number; total: number },
): Workflow<void> {
  const step = { phase: `upgrading ${name}`, progress: { done, total, unit: 'masters' } };
  yield* publish(context, operation, step.phase, step.progress);
  const refusal = yield* othersReady(context, operation, name);
  if (refusal) throw broken(refusal);
  const failed = yield* command(context, operation, { name, command: { kind: 'upgrade', version } });
  if (failed) throw broken(failed, AGAIN);
  const isThere = ({ masters }: MastersView): boolean =>
    masters.some((master) => master.name === name && master.ready && isSameVersion(master.version, version));
  const absent = yield* waitForMasters(context, operation, { step, isThere });
  if (absent) throw broken(absent, `look at the logs of ${name}, or repair it, then ${AGAIN}`);
}

/** Where the snapshot or the upgrade of a master has stopped the leader, the others are not ready until they agree on another. */
function* othersReady(
  context: OrchestrationContext,
  operation: OperationInput,
  name: string,
): Workflow<Refusal | undefined> {
  const deadline = now(context) + ELECTION_DEADLINE_MS;
  for (;;) {
    const view = yield* observeMasters(context, operation);
    const refusal = mayUpgradeMaster(view.masters, view.count, name);
    if (!refusal || now(context) > deadline) return refusal;
    yield* sleep(context, lookPauseMs(view.agents));
  }
}

function* upgradeAgents(
  context: OrchestrationContext,
  operation: OperationInput,
  version: string,
): Workflow<Pick<Upgraded, 'agents' | 'blocked' | 'parked'>> {
  const agents: string[] = [];
  const blocked: string[] = [];
  for (let round = 1; ; round++) {
    const { vmIds, parked } = yield* call(context, activities.pickOutdated, { cluster: operation.cluster, version });
    if (vmIds.length === 0) return { agents, blocked, parked };
    if (round > MAX_ROUNDS)
      throw broken(
        { code: 'DEADLINE_EXCEEDED', message: `${vmIds.length} agents keep coming with another version` },
        AGAIN,
      );
    const batch = batchOf(vmIds.length);
    const rolled = yield* rollAgents(context, operation, {
      action: 'reimage',
      vmIds,
      batch,
      phase: 'upgrading agents',
    });
    agents.push(...rolled.renewed);
    blocked.push(...rolled.blocked);
  }
}
