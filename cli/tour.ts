import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runStep } from './tour/run-step';
import { startOwnStarling, type OwnStarling } from './tour/own-starling';
import { STEPS, type Step } from './tour/steps';

/** `npm run tour`: a cluster's whole life, as the READMEs of the old projects recommended it. Exit code 1 names the step that failed. */

// dist/cli/tour.js → the clone
const HOME = join(__dirname, '..', '..');

const HELP = `npm run tour -- [options]      a cluster’s whole life in three minutes

  --here               on the Starling that STARLING_URL or .starling/local.json names, instead of one of its own
  --cluster <name>     of the cluster (tour)
  --help               this text`;

const say = (line = ''): void => void process.stdout.write(`${line}\n`);
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { here: { type: 'boolean' }, cluster: { type: 'string', default: 'tour' }, help: { type: 'boolean' } },
  });
  if (values.help) return (say(HELP), 0);
  const folder = mkdtempSync(join(tmpdir(), 'starling-tour-'));
  let own: OwnStarling | undefined;
  try {
    if (!values.here) own = await startOwnStarling(HOME, folder, say);
    return await play({ ...process.env, ...own?.env, CLUSTER: values.cluster }, { folder, own });
  } finally {
    await own?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Unattended, from the first step to the last, or to the first that fails. */
async function play(env: NodeJS.ProcessEnv, { folder, own }: { folder: string; own?: OwnStarling }): Promise<number> {
  const startedAt = performance.now();
  const hasMake = spawnSync('make', ['--version'], { stdio: 'ignore' }).status === 0;
  say(
    hasMake ? 'Playing it with make.' : 'There is no make here: playing it with the command line that make would call.',
  );
  for (const [index, step] of STEPS.entries()) {
    say(`\n[${index + 1}/${STEPS.length}] ${step.why}`);
    if (step.waits && own) await letPass(step.waits, own);
    const stepStartedAt = performance.now();
    const status = runStep({ step, env, folder, hasMake, home: HOME, say });
    const took = seconds(performance.now() - stepStartedAt);
    if (status !== 0) {
      say(`\nStep ${index + 1}, ${step.target}, ended with ${status} after ${took}. The tour ends here.`);
      return 1;
    }
    say(`    done in ${took}`);
  }
  say(`\nThe whole life of a cluster took ${seconds(performance.now() - startedAt)}, and nothing of it is left.`);
  return 0;
}

async function letPass({ minutes, because }: NonNullable<Step['waits']>, own: OwnStarling): Promise<void> {
  const realMs = (minutes * 60_000) / own.timeScale;
  say(`    ${because}: ${minutes} minutes pass there, ${seconds(realMs)} here`);
  await new Promise((resolve) => setTimeout(resolve, realMs));
}

// Ctrl-C reaches the step that runs, whose end ends the tour in order.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => process.exit(143));

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
