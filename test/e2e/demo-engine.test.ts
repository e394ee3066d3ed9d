import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/ports';
import { buildOnce, startStarlingProcess } from '../support/starling-process';
import { waitUntil } from '../support/starling';

/** `npm start -- --engine …`: a demo on the engine that is wished, and plain words where another is there already. */

const stateDir = mkdtempSync(join(tmpdir(), 'starling-demo-'));
let env: Record<string, string>;
beforeAll(async () => {
  buildOnce();
  const [appPort, azurePort] = await freePorts(2);
  const ports = { PORT: `${appPort}`, LOCAL_AZURE_PORT: `${azurePort}` };
  env = { STARLING_TIME_SCALE: '60', STARLING_STATE_DIR: stateDir, ...ports };
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

/** What it has said when it is ready, or has ended, and with which code. */
async function start(...args: string[]): Promise<{ output: string; exit: number | string | undefined }> {
  const starling = startStarlingProcess(args, env);
  const isUp = (): boolean => starling.output().includes('Ctrl-C ends it');
  await waitUntil(
    () => `it is up: ${starling.output()}`,
    () => isUp() || !starling.isAlive(),
  );
  if (isUp()) starling.interrupt();
  const exit = await starling.ended;
  starling.killGroup();
  return { output: starling.output(), exit };
}

test('deploys a swarm, finds it again, and says that it is no k3s', async () => {
  const first = await start('--engine', 'swarm');
  expect(first.output).toContain('Deploying cluster demo: 1 master, 3 agents, Docker Swarm, westeurope');
  expect(first.output).toMatch(/Cluster demo is ready after/);
  const second = await start('--engine', 'k3s');
  expect(second.output).toContain('Found cluster demo, Docker Swarm');
  expect(second.output).toContain('with another engine than k3s: npm start -- --reset --engine k3s forgets');
  const third = await start();
  expect(third.output).toContain('Found cluster demo, Docker Swarm');
  expect(third.output).not.toContain('another engine');
});

test('takes no other engine', async () => {
  const { output, exit } = await start('--engine', 'nomad');
  expect([exit, output]).toEqual([2, expect.stringContaining('--engine must be k3s or swarm, not nomad')]);
});
