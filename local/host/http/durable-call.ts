import type { Clock } from '../../clock';
import type { DurableHub } from '../contract';
import type { DurableLinksOptions } from './durable-links';
import type { Exchange } from './exchange';

export interface DurableApiContext {
  hub: DurableHub;
  clock: Clock;
  links: () => DurableLinksOptions;
}

/** One request to the durable API, read in full. */
export interface DurableCall extends DurableApiContext {
  exchange: Exchange;
  method: string;
  query: URLSearchParams;
  body: string;
  /** What follows `orchestrators/`, `instances/` or `entities/`, decoded. */
  path: readonly string[];
}
