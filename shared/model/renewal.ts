import type { NodeRecord } from './node';

export type Renewal = 'restart' | 'reimage' | 'resize' | 'start';

/** A node as it was before its machine was touched. */
export interface NodeBefore {
  vmId: string;
  nodeName: string;
  /** Of the engine's node; empty when the engine did not know it. */
  nodeUid: string;
  bootId: string;
  generation: number;
}

interface Seen {
  ready: boolean;
  bootId: string;
}

/**
 * Whether the node has come back since: the engine may call a node ready for some time after its machine has gone down, so
 * only another boot, or another generation, proves it.
 */
export function isRenewed(action: Renewal, before: NodeBefore, row: NodeRecord, seen: Seen | undefined): boolean {
  if (row.state !== 'ready' || !seen?.ready) return false;
  return row.generation > before.generation || (action !== 'reimage' && seen.bootId !== before.bootId);
}
