import { startHub } from './durable/hub';
import { openHost, type FunctionsHost, type HostOptions } from './host';
import { startWorker } from './worker/supervisor';

export type { FunctionsHost, HostOptions } from './host';
export type { HostKeys } from './http/keys';
export { PortBusy } from './http/listener';
export type { LogLine } from './contract';

/** Runs a built Functions app with HTTP, timer, Event Grid and Durable functions; resolves when it answers requests. */
export function startHost(options: HostOptions): Promise<FunctionsHost> {
  return openHost(options, { startWorker, startHub });
}
