import type { EngineAccess, EnginePort } from '../../ports';

export function createSwarmEngine(_reports: [EngineAccess, ...EngineAccess[]]): EnginePort {
  throw new Error('under construction');
}
