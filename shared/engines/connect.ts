import type { Engine } from '../model/cluster';
import type { EngineAccess, EnginePort } from '../ports';
import { createK3sEngine } from './k3s/engine';
import { createSwarmEngine } from './swarm/engine';

/** `reports` is not empty. */
export type ConnectEngine = (engine: Engine, reports: [EngineAccess, ...EngineAccess[]]) => EnginePort;

/** A report of k3s holds for all masters, one of Swarm for its own. */
export const connectEngine: ConnectEngine = (engine, reports) =>
  engine === 'k3s' ? createK3sEngine(reports[0]) : createSwarmEngine(reports);
