import { resolve, join } from 'node:path';
import { parseArgs } from 'node:util';
import { scaledClock } from '../clock';
import { PortBusy, startHost, type FunctionsHost, type LogLine } from './index';

const USAGE = `Runs a built Azure Functions app (Node, v4 programming model) on this machine.

  node main.js --app DIR [--port 7071] [--state DIR] [--key KEY] [--bind ADDRESS] [--verbose]

  --app      folder with the app's host.json and package.json (default: this folder)
  --port     port to listen on, 0 for any (default: 7071)
  --state    folder for keys, timers and Durable state (default: .functions-host in the app's folder)
  --key      host key to use; else one is made and kept in keys.json in the state folder
  --bind     address to listen on (default: 127.0.0.1)
  --verbose  shows trace and debug lines, too
`;
const STOP_WITHIN_MS = 5000;

const OPTIONS = {
  app: { type: 'string', default: '.' },
  port: { type: 'string', default: '7071' },
  state: { type: 'string' },
  key: { type: 'string' },
  bind: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class UsageError extends Error {}

function readArguments(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535)
      throw new Error(`--port ${values.port} is no port number.`);
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values.help) return void process.stdout.write(USAGE);
  const appDir = resolve(values.app);
  const stateDir = resolve(values.state ?? join(appDir, '.functions-host'));
  const host = await startHost({
    appDir,
    stateDir,
    port: Number(values.port),
    bind: values.bind,
    hostKey: values.key,
    clock: scaledClock({ realEpochMs: Date.now(), simulatedEpochMs: Date.now(), scale: 1 }),
    log: (line) => print(line, values.verbose),
  });
  process.stdout.write(listing(host));
  process.stdout.write(`Keys are in ${join(stateDir, 'keys.json')}. Press Ctrl-C to end.\n\n`);
  endOnSignal(host);
}

function print({ level, category, message }: LogLine, verbose: boolean): void {
  if (!verbose && (level === 'trace' || level === 'debug')) return;
  const stream = ['warning', 'error', 'critical'].includes(level) ? process.stderr : process.stdout;
  stream.write(`[${new Date().toISOString()}] ${level} ${category}: ${message}\n`);
}

/** As `func start` prints it. */
function listing({ url, worker }: FunctionsHost): string {
  const prefix = worker.hostJson.extensions?.http?.routePrefix ?? 'api';
  const lines = worker.functions.map(({ name, trigger }) => {
    if (trigger.type !== 'httpTrigger') return `\t${name}: ${trigger.type}\n`;
    const methods = ((trigger.methods as string[] | undefined) ?? []).join(',').toUpperCase() || 'ALL';
    const route = [prefix, (trigger.route as string | undefined) || name].map((part) => part.replace(/^\/+|\/+$/g, ''));
    return `\t${name}: [${methods}] ${url}/${route.filter(Boolean).join('/')}\n`;
  });
  return `\nFunctions:\n\n${lines.join('\n')}\n`;
}

/** The first signal drains and stops, the second ends at once. */
function endOnSignal(host: FunctionsHost): void {
  let isEnding = false;
  const end = (): void => {
    if (isEnding) process.exit(130);
    isEnding = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    host.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGINT', end).on('SIGTERM', end);
}

function fail(error: unknown): void {
  const isExpected = error instanceof UsageError || error instanceof PortBusy;
  const text = error instanceof Error ? (isExpected ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
  process.exit(isExpected ? 2 : 1);
}

main().catch(fail);
