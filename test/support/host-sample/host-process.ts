/**
 * A whole Durable host as a process of its own, for tests that kill it. Arguments: app folder, state file, counter folder.
 * The parent sends `{id, method, args}` for a method of the hub and gets `{id, value}` or `{id, error}`.
 */
import { scaledClock } from '../../../local/clock';
import type { DurableHub } from '../../../local/host/contract';
import { startHub } from '../../../local/host/durable/hub';
import { startWorker } from '../../../local/host/worker/supervisor';

interface Request {
  id: number;
  method: keyof DurableHub;
  args: never[];
}

async function main([appDir, file, counterDir]: string[]): Promise<void> {
  const log = ({ level, message }: { level: string; message: string }): void => {
    if (level === 'critical') process.stderr.write(`${message}\n`);
  };
  const worker = await startWorker({ appDir: appDir!, env: { COUNTER_DIR: counterDir! }, nodeArgs: [], log });
  const clock = scaledClock({ realEpochMs: 0, simulatedEpochMs: 0, scale: 1 });
  const hub = await startHub({ file: file!, hubName: 'SampleHub', clock, worker, log });
  process.on('message', ({ id, method, args }: Request) => {
    const call = hub[method] as (...args: never[]) => unknown;
    Promise.resolve()
      .then(() => call.apply(hub, args))
      .then(
        (value) => process.send?.({ id, value }),
        (error: Error) => process.send?.({ id, error: error.message }),
      );
  });
  process.send?.({ id: 0, value: 'ready' });
}

process.on('disconnect', () => process.exit(0));
main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
