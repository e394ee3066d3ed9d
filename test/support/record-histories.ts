import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, type Instance } from '../../local/host/durable/records';
import { DurableStore } from '../../local/host/durable/store';
import { reconcileId } from '../../orchestrations/contracts';
import { Cluster } from './cluster';
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

test('records one history of every kind', async () => {
  const starling = await startStarling({ STARLING_TIME_SCALE: '20' });
  const recorder = new Recorder(starling);
  try {
    await live(starling, recorder);
    await recorder.writeAll();
  } finally {
    await starling.stop();
  }
}, 600_000);

/** Everything an orchestration may meet: a clean run, a repair of each kind, too little capacity, a cancellation. */
async function live(starling: Starling, recorder: Recorder): Promise<void> {
  const cluster = new Cluster(starling, CLUSTER);
  await cluster.deploy({ agents: { count: 2 } });
  await cluster.scale(3);
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
  await cluster.scale(6);
  await starling.control('POST', '/_local/capacity', {});
  await cluster.scale(1);
  const cancelled = await cluster.begin('POST', '/scale', { agents: 3 });
  await starling.request('DELETE', `/api/operations/${cancelled}`);
  await starling.waitForOperation(cancelled);
  const other = new Cluster(starling, 'gone');
  await other.deploy({ agents: { count: 0 } });
  await other.destroy();
  await recorder.take();
}

class Recorder {
  private readonly recorded = new Map<string, RecordedHistory>();

  constructor(private readonly starling: Starling) {}

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

  /** Of each kind the first; kinds are told apart by what they did. */
  private read(): void {
    const store = new DurableStore(join(this.starling.stateDir, 'host', 'durable.db'));
    try {
      for (const instance of store.instances({ top: 1000 }, '').sort((a, b) => a.createdAt - b.createdAt)) {
        if (!hasEnded(instance)) continue;
        const recorded = { ...identityOf(instance), turns: recordTurns(store.history(instance.id)) };
        const kind = kindOf(recorded);
        if (!this.recorded.has(kind)) this.recorded.set(kind, recorded);
      }
    } finally {
      store.close();
    }
  }

  async writeAll(): Promise<void> {
    const text = JSON.stringify([...this.recorded.values()]);
    const vmIds = [...new Set(text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g))];
    for (const { what, value } of await secretsOf(this.starling.stateDir, CLUSTER, vmIds))
      if (text.includes(value)) throw new Error(`${what} is in a history`);
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    for (const [kind, history] of this.recorded)
      writeFileSync(join(FOLDER, `${kind}.json`), `${JSON.stringify(history, null, 1)}\n`);
  }
}

const identityOf = ({ name, id, parentId, input, output }: Instance): Omit<RecordedHistory, 'turns'> => ({
  name,
  instanceId: id,
  parentInstanceId: parentId,
  input,
  output,
});

/** `scale-cluster.failed`, `reconcile-cluster.growTo` … */
function kindOf({ name, turns }: RecordedHistory): string {
  const file = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const calls = turns.flatMap(({ actions }) => actions.map(([, signature]) => /'(\w+)'/.exec(signature)?.[1] ?? ''));
  const deeds = ['retireNodes', 'growTo', 'powerAgents', 'startMaster', 'setDesiredAgents', 'deleteAgents'];
  const done = deeds.filter((deed) => calls.includes(deed));
  return [file, ...done].join('.');
}
