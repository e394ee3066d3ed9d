import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LAST_WORDS_FD, type LastWords } from './protocol';

/** Which piece of work the code that runs right now belongs to. */
export const currentWork = new AsyncLocalStorage<number>();

/** Tells the host, before the process is gone, whose code ended it. */
export function speakLastWords(): void {
  let reason = 'it called process.exit';
  const onFatal = (kind: string) => (error: unknown) => {
    reason = `${kind}: ${error instanceof Error ? error.message : String(error)}`;
    process.stderr.write(`${kind}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', onFatal('uncaught exception'));
  process.on('unhandledRejection', onFatal('unhandled rejection'));
  process.on('exit', () => {
    const words: LastWords = { guilty: currentWork.getStore() ?? null, reason };
    try {
      writeSync(LAST_WORDS_FD, JSON.stringify(words));
    } catch {
      // The host is gone: nobody listens.
    }
  });
}

const PARENT_CHECK_MS = 500;

/**
 * Ends this process when its host has died, even if app code keeps the main thread busy: losing the IPC channel is only
 * noticed by an idle event loop, and a busy loop would outlive a killed host for ever.
 */
export function dieWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  const watch = `
    const { workerData } = require('node:worker_threads');
    setInterval(() => process.ppid === workerData || process.kill(process.pid, 'SIGKILL'), ${PARENT_CHECK_MS});`;
  new Worker(watch, { eval: true, execArgv: [], env: {}, workerData: process.ppid }).unref();
}
