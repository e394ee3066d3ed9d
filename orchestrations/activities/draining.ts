import { AppError } from '../../shared/model/errors';
import type { NodeRecord } from '../../shared/model/node';
import type { EnginePort } from '../../shared/ports';
import type { DrainPass } from '../contracts';

/** Nodes worked on at once: each is a handful of calls on the engine. */
const PARALLEL_NODES = 10;
/** Pods named in an operation; a person reads them. */
const MOST_NAMED = 10;

/** Runs a step for every item, a handful at a time, in order of the items. */
export async function aFewAtATime<T, R>(items: T[], step: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += PARALLEL_NODES)
    results.push(...(await Promise.all(items.slice(start, start + PARALLEL_NODES).map(step))));
  return results;
}

/** Cordons the nodes and asks what runs on them to leave. A silent engine counts as work left, so the deadline decides. */
export async function drainPassOver(engine: EnginePort, rows: NodeRecord[]): Promise<Omit<DrainPass, 'proceed'>> {
  const results = await aFewAtATime(rows, (row) => drainOne(engine, row));
  const blocked = results.flatMap((result) => result.blocked).slice(0, MOST_NAMED);
  const holds = results.findIndex((result) => result.blocked.length > 0);
  const held = holds < 0 ? {} : { held: `${rows[holds]!.nodeName}: ${results[holds]!.blocked[0]}` };
  return { remaining: results.reduce((sum, { remaining }) => sum + remaining, 0), blocked, ...held };
}

async function drainOne(engine: EnginePort, row: NodeRecord): Promise<{ remaining: number; blocked: string[] }> {
  try {
    if (!(await engine.cordon(row.nodeName))) return { remaining: 0, blocked: [] };
    return await engine.evict(row.nodeName);
  } catch (error) {
    if (error instanceof AppError && error.code === 'ENGINE_UNREACHABLE') return { remaining: 1, blocked: [] };
    throw error;
  }
}
