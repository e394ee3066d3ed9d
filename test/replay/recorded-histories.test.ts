import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppWorker } from '../../local/host/contract';
import { orchestrations } from '../../orchestrations/contracts';
import { startAppWorker } from '../support/app-worker';
import { replayTurn, type RecordedHistory } from '../support/recorded-history';

/**
 * Instances that are under way when the app is updated go on with the new code: today's orchestrators must take exactly
 * the steps that these histories of real runs tell (test/support/record-histories.ts). A failure here means a new
 * version of the orchestration, not a new recording.
 */
const FOLDER = join(__dirname, 'histories');
const read = (name: string): RecordedHistory => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as RecordedHistory;
const names = readdirSync(FOLDER);

let worker: AppWorker;
beforeAll(async () => {
  worker = await startAppWorker();
});
afterAll(() => worker?.stop(500));

/** Replays turn after turn, each from the whole history before it; undefined when all are as they were recorded. */
async function firstDifference(app: AppWorker, recorded: RecordedHistory): Promise<string | undefined> {
  for (const [index, turn] of recorded.turns.entries()) {
    const { error, actions, isDone, output } = await replayTurn(app, recorded, index);
    const isLast = index === recorded.turns.length - 1;
    const got = JSON.stringify([error?.message, actions.map(({ id, signature }) => [id, signature]), isDone, output]);
    const expected = JSON.stringify([undefined, turn.actions, isLast, isLast ? recorded.output : null]);
    if (got !== expected) return `turn ${index}: ${got} instead of ${expected}`;
  }
  return undefined;
}

test.each(names)('%s is replayed to the same steps, whichever turn the update fell between', async (name) => {
  expect(await firstDifference(worker, read(name))).toBeUndefined();
});

it('has a history of every orchestration, and of every kind of repair and renewal', () => {
  expect(new Set(names.map((name) => read(name).name))).toEqual(
    new Set(Object.values(orchestrations).map(({ name }) => name)),
  );
  const repairs = names.filter((name) => name.startsWith('reconcile-cluster.'));
  for (const deed of ['growTo', 'powerAgents', 'retireNodes'])
    expect(repairs).toContainEqual(expect.stringContaining(deed));
  for (const action of ['restart', 'reimage', 'resize']) expect(names).toContain(`renew-agents.${action}.json`);
});

it('holds no secret, and no place of the machine on which it was recorded', () => {
  const text = names.map((name) => readFileSync(join(FOLDER, name), 'utf8')).join('\n');
  expect(text).not.toMatch(/K10[0-9a-f]{64}|eyJ[\w-]{10,}\.|Bearer|[?&](sig|code)=|AccountKey|127\.0\.0\.1|localhost/);
  expect(text).not.toMatch(/(?<![.\w])[a-z0-9]{6}\.[a-z0-9]{16}\b/); // an id may end in `.deploy.…`
});

describe('a changed orchestration that would break what is under way', () => {
  const STEPS = '[activities.checkQuota, activities.prepareCluster, activities.submitDeployment]';

  /** The built app with one change in its text, as a new version that is being released. */
  async function changedApp(from: string | RegExp, to: string): Promise<{ worker: AppWorker; folder: string }> {
    const built = readFileSync(join(__dirname, '../../dist/functions/index.js'), 'utf8');
    if (built.split(from).length !== 2) throw new Error(`the built app does not hold exactly one ${String(from)}`);
    const folder = mkdtempSync(join(tmpdir(), 'starling-changed-'));
    writeFileSync(join(folder, 'index.js'), built.replace(from, to));
    writeFileSync(join(folder, 'package.json'), '{"main":"index.js"}');
    writeFileSync(join(folder, 'host.json'), '{"version":"2.0"}');
    return { worker: await startAppWorker(folder), folder };
  }

  test.each<[what: string, from: string | RegExp, to: string]>([
    [
      'two steps have changed places',
      STEPS,
      STEPS.replace(/(activities.checkQuota), (activities.prepareCluster)/, '$2, $1'),
    ],
    ['a step was left out', STEPS, STEPS.replace('activities.prepareCluster, ', '')],
    ['a step was added', STEPS, STEPS.replace(']', ', activities.submitDeployment]')],
    ['a pause has another length', /(?<=POLL_MS\d* = )1e4(?=;\nvar DEPLOY_DEADLINE_MS)/, '5e3'],
  ])('is caught when %s', async (_, from, to) => {
    const { worker: changed, folder } = await changedApp(from, to);
    try {
      expect(await firstDifference(changed, read('deploy-cluster.json'))).toMatch(/^turn \d+: .* instead of /);
    } finally {
      await changed.stop(500);
      rmSync(folder, { recursive: true });
    }
  });

  it('is caught when another orchestration has taken the name', async () => {
    const renamed = { ...read('deploy-cluster.json'), name: orchestrations.scaleCluster.name };
    expect(await firstDifference(worker, renamed)).toMatch(/^turn 1: .*observeCluster.*instead of.*checkQuota/);
  });

  it('is named by the host itself, with the turn and the step, once the instance goes on', async () => {
    const { worker: changed, folder } = await changedApp(STEPS, STEPS.replace('activities.prepareCluster, ', ''));
    try {
      const recorded = read('deploy-cluster.json');
      const after = recorded.turns.findIndex(({ actions }) => actions[0]?.[1].includes('submitDeployment'));
      const { error } = await replayTurn(changed, recorded, after + 1);
      expect(error).toEqual({
        message: expect.stringMatching(/^Non-deterministic orchestrator: action 3, .*prepareCluster.*submitDeployment/),
        final: true,
      });
    } finally {
      await changed.stop(500);
      rmSync(folder, { recursive: true });
    }
  });
});
