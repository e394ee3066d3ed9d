import { join } from 'node:path';
import type { AppWorker } from '../../local/host/contract';
import { startWorker } from '../../local/host/worker/supervisor';
import { buildWorkerEntry } from './host-sample/build-entry';
import { buildOnce } from './starling-process';

const ROOT = join(__dirname, '../..');

/** The built app, in a child process as in Azure: today's orchestrators under the real durable-functions. */
export function startAppWorker(appDir = ROOT): Promise<AppWorker> {
  buildOnce();
  return startWorker({ appDir, env: {}, nodeArgs: [], log: () => undefined, entryFile: buildWorkerEntry() });
}
