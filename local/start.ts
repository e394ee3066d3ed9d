import { join } from 'node:path';
import { PortBusy } from './host';
import type { LogLine } from './host';
import { showDemo } from './demo';
import { startLocalAzure, type LocalAzure } from './local-azure';
import { npmProcess } from './npm-process';
import { HELP, readOptions, UsageError, type StartOptions } from './options';
import { StateInUse } from './state';
import { NoRealNodes, prepareRealNodes, type NodeParts } from './vm/real';

/** `npm start`: the whole product on this machine, until Ctrl-C. Exit codes: 0 ended on request, 1 failed, 2 wrong use. */

// dist/local/start.js → the folder with package.json, host.json and dist/
const APP_DIR = join(__dirname, '..', '..');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env, APP_DIR);
  if (options.help) return say(HELP);
  const startedAt = performance.now();
  say(`Starling is starting on a simulated Azure; a minute there takes ${seconds(60 / options.scale)} here`);
  let isEnding = (): boolean => false;
  const onLost = (what: string): void => {
    if (!isEnding()) endLost(what); // a signal to the whole group reaches the children too
  };
  const realNodes = options.realNodes ? await prepareRealNodes({ ...options, env: process.env, say }) : undefined;
  const local = await startLocalAzure({ ...options, realNodes, appDir: APP_DIR, log: logger(options), onLost });
  isEnding = endOnRequest(local);
  say(`The app answers at ${local.appUrl} after ${seconds((performance.now() - startedAt) / 1000)}`);
  if (!options.empty) {
    const ready = await showDemo(local, say, { ...options, ...realNodes }).catch((error: unknown) => {
      if (isEnding()) return new Promise<never>(() => undefined); // the app went away because it was asked to
      throw error;
    });
    say(
      ready
        ? `Cluster demo is ready after ${seconds((performance.now() - startedAt) / 1000)}`
        : 'Cluster demo is not ready; its events say why',
    );
  }
  say(goodbye(local, options));
  if (realNodes) say(deployHint(realNodes));
}

const seconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;

function goodbye({ appUrl, azureUrl }: LocalAzure, { stateDir, empty }: StartOptions): string {
  const cluster = empty ? '' : '/demo';
  return [
    '',
    `  app     ${appUrl}   (OpenAPI: ${appUrl}/api/openapi.json)`,
    `  Azure   ${azureUrl}/_local/state`,
    `  key     in ${join(stateDir, 'local.json')}`,
    '',
    `  curl -H "x-functions-key: $(node -p "require('${join(stateDir, 'local.json')}').key")" ${appUrl}/api/clusters${cluster}`,
    '',
    '  Ctrl-C ends it; npm start goes on where it stood.',
  ].join('\n');
}

const deployHint = ({ dockerVersion }: NodeParts): string =>
  `  Nodes have Docker ${dockerVersion} and reach no other: starling up --engine swarm --engine-version ${dockerVersion}`;

/** Warnings and errors reach the terminal; with --verbose everything does. */
function logger({ verbose }: StartOptions): (line: LogLine) => void {
  const quiet: ReadonlySet<string> = new Set(['trace', 'debug', 'information']);
  return ({ level, category, message }) => {
    if (verbose || !quiet.has(level)) process.stderr.write(`${level} ${category}: ${message}\n`);
  };
}

const PARENT_POLL_MS = 500;
/** One Ctrl-C may come twice, from the terminal and from npm, which passes it on; nobody means it twice that fast. */
const SAME_REQUEST_MS = 500;

/** Returns whether the end has been asked for. */
function endOnRequest(local: LocalAzure): () => boolean {
  let askedAt: number | undefined;
  const end = (): void => {
    const isRepeat = askedAt !== undefined && performance.now() - askedAt < SAME_REQUEST_MS;
    if (isRepeat) return;
    if (askedAt !== undefined) return process.exit(130); // asked twice: at once
    askedAt = performance.now();
    local.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  // npm does not pass on what kills it: without this, `kill -9` of npm would leave everything running.
  // npm goes first when both are asked to end: that is not a second request.
  if (process.env['npm_lifecycle_event']) endWithParent(() => askedAt === undefined && end());
  return () => askedAt !== undefined;
}

function endWithParent(end: () => void): void {
  const npm = npmProcess();
  const timer = setInterval(() => {
    if (npmProcess() === npm) return;
    clearInterval(timer);
    end();
  }, PARENT_POLL_MS);
  timer.unref();
}

/** Nothing is lost, as every answered write is on disk. */
function endLost(what: string): void {
  process.stderr.write(`${what} has died. npm start goes on where it stood.\n`);
  process.exit(1);
}

function fail(error: unknown): void {
  const expected = [UsageError, StateInUse, PortBusy, NoRealNodes].some((kind) => error instanceof kind);
  process.stderr.write(`${!(error instanceof Error) ? String(error) : expected ? error.message : error.stack}\n`);
  process.exit(expected ? 2 : 1);
}

main().catch(fail);
