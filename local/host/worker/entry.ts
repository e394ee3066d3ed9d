/** The child process that runs the app. Started by `supervisor.ts` with the app's folder as its only argument. */
import type { LogLine } from '../contract';
import { runEntity } from './entity';
import { invoke } from './invoke';
import { currentWork, dieWithParent, speakLastWords } from './last-words';
import { loadApp, type App } from './load-app';
import { OrchestrationRunner } from './orchestrator';
import type { FromChild, FunctionCall, RemoteError, ToChild, Work } from './protocol';

const send = (message: FromChild): void => {
  if (process.connected) process.send!(message);
};

function describeError(thrown: unknown): RemoteError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  return { name: thrown.name, message: thrown.message, stack: thrown.stack };
}

class ChildWorker {
  private readonly orchestrations: OrchestrationRunner;
  private underWay = 0;
  private stopping = false;

  constructor(
    private readonly app: App,
    private readonly log: (line: LogLine) => void,
  ) {
    this.orchestrations = new OrchestrationRunner(app, log);
  }

  receive(message: ToChild): void {
    if (message.type === 'ping') return send({ type: 'pong' });
    if (message.type === 'work') return void currentWork.run(message.id, () => this.work(message.id, message.work));
    this.stopping = true;
    void this.endWhenIdle();
  }

  private async work(id: number, work: Work): Promise<void> {
    this.underWay++;
    try {
      send({ type: 'done', id, value: await this.run(work) });
    } catch (error) {
      send({ type: 'failed', id, error: describeError(error) });
    }
    this.underWay--;
    if (this.stopping) await this.endWhenIdle();
  }

  private run(work: Work): Promise<unknown> {
    if (work.kind === 'turn') return this.orchestrations.run(work.turn);
    if (work.kind === 'entity') return runEntity(this.app, work.batch, this.log);
    return this.call(work.call);
  }

  private async call(call: FunctionCall): Promise<unknown> {
    const { returnValue, outputData } = await (await invoke(this.app, call, this.log)).respond();
    return { returnValue, outputData };
  }

  private async endWhenIdle(): Promise<void> {
    if (this.underWay > 0) return;
    const { hookData, registry } = this.app;
    for (const hook of registry.hooks.appTerminate) await hook({ hookData: hookData.start, appHookData: hookData.app });
    process.exit(0);
  }
}

async function main(appDir: string): Promise<void> {
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the host says when work is done
  dieWithParent();
  speakLastWords();
  let log = (line: LogLine): void => send({ type: 'log', line });
  try {
    const app = await loadApp(appDir, (line) => log(line));
    log = withLogHooks(app, log);
    const worker = new ChildWorker(app, log);
    process.on('message', (message) => worker.receive(message as ToChild));
    send({ type: 'loaded', app: app.description });
  } catch (error) {
    send({ type: 'notLoaded', error: describeError(error) });
  }
}

/** The app's `log` hooks may change a line's level and text. */
function withLogHooks(app: App, log: (line: LogLine) => void): (line: LogLine) => void {
  return (line) => {
    const context = { ...line, hookData: {}, appHookData: app.hookData.app };
    for (const hook of app.registry.hooks.log) void hook(context);
    log({ level: context.level, category: line.category, message: context.message });
  };
}

void main(process.argv[2] ?? process.cwd());
