import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, type Instance } from '../../local/host/durable/records';
import { DurableStore } from '../../local/host/durable/store';
import { reconcileId } from '../../orchestrations/contracts';
import { Cluster, SPEC } from './cluster';
import { send } from './http';
import { recordTurns, type RecordedHistory } from './recorded-history';
import { secretsOf } from './secrets';
import { startStarling, waitUntil, type Starling } from './starling';

/**
 * Records the histories in test/replay/histories anew, from a Starling that runs for this:
 *
 *     npx jest --testMatch '<rootDir>/test/support/record-histories.ts' && npx prettier --write test/replay
 *
 * Do it when an orchestration has become a new version, never to make a failing replay pass: an instance that was under
 * way when the app was updated would fail just so.
 */
const FOLDER = join(__dirname, '../replay/histories');
const CLUSTER = 'recorded';
const VERSION = 'v1.36.3+k3s1';
const SIZE = 'Standard_D2s_v5';

test('records one history of every kind', async () => {
  const starling = await startStarling({ STARLING_TIME_SCALE: '30' });
  const recorder = new Recorder(starling);
  try {
    await repairs(starling, recorder); // the host is killed in between, so it is alone
    await Promise.all([scales, machines, masters, specs].map((live) => live(starling, recorder)));
    await recorder.take();
    await recorder.writeAll();
  } finally {
    await starling.stop();
  }
}, 900_000);

/** A clean run, and a repair of each kind. */
async function repairs(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new RecordedCluster(starling, CLUSTER, recorder);
  await cluster.record('', 'PUT', '', { ...SPEC, agents: { count: 2 } });
  await cluster.record('up', 'POST', '/scale', { agents: 3 });
  const [vanishing, crashing] = await cluster.agents();
  await cluster.disturb(vanishing!.instanceId, 'vanish');
  await recorder.takeReconcile('growTo');
  await cluster.settles(3);
  await cluster.disturb(crashing!.instanceId, 'crash');
  await recorder.takeReconcile('powerAgents');
  await cluster.settles(3);
  await starling.control('POST', `/_local/scale-sets/${CLUSTER}`, { capacity: 4 });
  await recorder.takeReconcile('retireNodes');
  await cluster.settles(3);
  await starling.control('POST', '/_local/capacity', { available: 1 });
  await cluster.record('refused', 'POST', '/scale', { agents: 6 });
  await starling.control('POST', '/_local/capacity', {});
}

/** Down, cancelled, parked and back; and the end, with and without storage. */
async function scales(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new RecordedCluster(starling, 'scales', recorder);
  await cluster.record('storage', 'PUT', '?only=storage', { ...SPEC, agents: { count: 4 } });
  await cluster.deploy({ agents: { count: 4 } });
  await cluster.record('down', 'POST', '/scale', { agents: 3 });
  await cluster.record('park', 'POST', '/scale', { agents: 1, reclaim: 'park' });
  await cluster.record('unpark', 'POST', '/scale', { agents: 4 });
  const cancelled = await cluster.begin('POST', '/scale', { agents: 5 });
  recorder.label(cancelled, 'cancelled');
  await starling.request('DELETE', `/api/operations/${cancelled}`);
  expect(await starling.waitForOperation(cancelled)).toMatchObject({ state: 'cancelled' });
  await cluster.record('keep', 'DELETE', '?storage=keep');
  await cluster.record('kept', 'DELETE', '?storage=delete');
}

/** What is done to machines that stay, on purpose or by chaos. */
async function machines(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new RecordedCluster(starling, 'machines', recorder);
  await cluster.deploy({ agents: { count: 2 } });
  await cluster.record('skipped', 'POST', '/chaos', { action: 'restart' }); // they are too young yet
  await cluster.record('', 'POST', '/resize', { size: SIZE });
  await cluster.record('serial', 'POST', '/reimage', { order: 'serial' });
  await cluster.record('parallel', 'POST', '/reimage', { order: 'parallel' });
  const [agent] = await cluster.agents();
  await cluster.record('named', 'POST', '/stop', { nodes: [agent!.name] });
  await cluster.record('named', 'POST', '/start', { nodes: [agent!.name] });
  await cluster.record('', 'POST', '/stop', {});
  await cluster.record('', 'POST', '/start', {});
  await cluster.record('agents', 'POST', '/restart', {});
  await waitUntil('an agent is old enough for chaos', async () => {
    const { body } = await starling.request<{ would: string[] }>('POST', `${cluster.path}/chaos?whatIf=true`, {});
    return body.would.length > 1;
  });
  await cluster.record('passed', 'POST', '/chaos', { action: 'restart' });
}

/** A quorum of three. */
async function masters(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new RecordedCluster(starling, 'masters', recorder);
  await cluster.deploy({ masters: { count: 3 }, agents: { count: 1 } });
  await cluster.record('', 'POST', '/tokens/rotate', {});
  await cluster.record('', 'POST', '/upgrade', { version: VERSION });
  await cluster.record('master', 'POST', '/restart', { nodes: ['master1'] });
  await cluster.record('', 'POST', '/repair', { node: 'master1' });
}

/** A changed spec, and what runs on the agents. */
async function specs(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new RecordedCluster(starling, 'specs', recorder);
  await cluster.deploy({ agents: { count: 1 } });
  await cluster.record('apply', 'PUT', '/workloads/site', { kind: 'replicated' });
  await cluster.record('scale', 'POST', '/workloads/site/scale', { replicas: 4 });
  const ingress = { from: ['203.0.113.0/24'] };
  await cluster.record('', 'PUT', '', { ...SPEC, version: VERSION, agents: { count: 2, size: SIZE }, ingress });
  await cluster.record('', 'POST', '/rebalance', {});
  await cluster.record('remove', 'DELETE', '/workloads/site');
}

/** By label; most end well. */
const ENDS: Record<string, object> = {
  refused: { state: 'failed', error: 'CAPACITY_UNAVAILABLE' },
};

class RecordedCluster extends Cluster {
  constructor(
    private readonly host: Starling,
    name: string,
    private readonly recorder: Recorder,
  ) {
    super(host, name);
  }

  /** Carries an operation out to the end that it should have; its history gets the label. */
  async record(label: string, method: string, path: string, body?: object): Promise<void> {
    const id = await this.begin(method, path, body);
    this.recorder.label(id, label);
    const { state, error } = await this.host.waitForOperation(id);
    expect({ id, state, error: error?.code }).toEqual({ id, ...(ENDS[label] ?? { state: 'succeeded' }) });
  }
}

class Recorder {
  private readonly recorded = new Map<string, RecordedHistory>();
  /** Of operations, by id. */
  private readonly labels = new Map<string, string>();

  constructor(private readonly starling: Starling) {}

  label(id: string, label: string): void {
    this.labels.set(id, label);
  }

  /** A reconcile's history lives until the next one begins, so the host is killed as soon as the one that is wanted ends. */
  async takeReconcile(deed: string): Promise<void> {
    const { systemKeys } = JSON.parse(readFileSync(join(this.starling.stateDir, 'host', 'keys.json'), 'utf8'));
    const path = `/runtime/webhooks/durabletask/instances/${reconcileId(CLUSTER)}?showHistory=true&code=${systemKeys.durabletask_extension}`;
    await waitUntil(`a reconcile has ended with ${deed}`, async () => {
      const { body } = await send(this.starling, 'GET', path);
      const calls = ((body.historyEvents ?? []) as { FunctionName?: string }[]).map((event) => event.FunctionName);
      return body.runtimeStatus === 'Completed' && calls.includes(deed);
    });
    await this.starling.kill9();
    this.read();
    await this.starling.restart();
  }

  async take(): Promise<void> {
    await this.starling.interrupt();
    this.read();
  }

  /** Operations that have a label, and of what nobody asked for the first of each kind. */
  private read(): void {
    const store = new DurableStore(join(this.starling.stateDir, 'host', 'durable.db'));
    try {
      for (const instance of store.instances({ top: 1000 }, '').sort((a, b) => a.createdAt - b.createdAt)) {
        const isOperation = instance.input?.includes(`"operationId":"${instance.id}"`) ?? false;
        if (!hasEnded(instance) || (isOperation && !this.labels.has(instance.id))) continue;
        const recorded = { ...identityOf(instance), turns: recordTurns(store.history(instance.id)) };
        const kind = isOperation ? [this.labels.get(instance.id)!] : kindOf(recorded);
        const file = [kebabCase(instance.name), ...kind].filter((part) => part !== '').join('.');
        if (!this.recorded.has(file)) this.recorded.set(file, recorded);
      }
    } finally {
      store.close();
    }
  }

  async writeAll(): Promise<void> {
    const text = JSON.stringify([...this.recorded.values()]);
    const vmIds = [...new Set(text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))];
    for (const cluster of [CLUSTER, 'machines', 'masters', 'specs'])
      for (const { what, value } of await secretsOf(this.starling.stateDir, cluster, vmIds))
        if (text.includes(value)) throw new Error(`${what} is in a history`);
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    for (const [file, history] of this.recorded)
      writeFileSync(join(FOLDER, `${file}.json`), `${JSON.stringify(history, null, 1)}\n`);
  }
}

const identityOf = ({ name, id, parentId, input, output }: Instance): Omit<RecordedHistory, 'turns'> => ({
  name,
  instanceId: id,
  parentInstanceId: parentId,
  input,
  output,
});

const kebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What a reconcile or a child of others did: `growTo`, `renewMachines.reimage` … */
function kindOf({ input, turns }: RecordedHistory): string[] {
  const calls = turns.flatMap(({ actions }) => actions.map(([, signature]) => /'(\w+)'/.exec(signature)?.[1] ?? ''));
  const deeds = ['retireNodes', 'growTo', 'powerAgents', 'startMaster', 'setDesiredAgents', 'deleteAgents'];
  const { action = '' } = JSON.parse(input ?? '{}') as { action?: string };
  return [...deeds.filter((deed) => calls.includes(deed)), action];
}
