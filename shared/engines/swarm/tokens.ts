import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { writingAgain } from './writing';

/** Labels of the swarm itself: since when a token is out since the last change of both, and when that was. ISO times. */
const GIVEN = 'starling.tokens-given';
const ROTATED = 'starling.tokens-rotated';
/** As long as a ticket may live: who has not joined by then asks again. */
const MAX_GIVEN_MS = 15 * 60_000;
/** A token that nobody was given may still have been seen, by whoever may ask a manager. */
const MAX_AGE_MS = 24 * 3_600_000;

interface SwarmObject {
  Version: { Index: number };
  CreatedAt: string;
  Spec: { Labels?: Record<string, string> | null };
  JoinTokens: { Worker: string; Manager: string };
}

export interface TokenAge {
  /** Undefined while nobody was given one. */
  given: string | undefined;
  rotated: string;
}

/** Whether both tokens must change now. A time that cannot be read counts as long ago. */
export function mustRotate({ given, rotated }: TokenAge, isAwaited: boolean, now: number): boolean {
  const isWithin = (time: string, limitMs: number): boolean => now - Date.parse(time) <= limitMs;
  if (given !== undefined) return !isAwaited || !isWithin(given, MAX_GIVEN_MS);
  return !isWithin(rotated, MAX_AGE_MS);
}

/** The token of all workers, or of all managers; that it is out is on record before it leaves. */
export function giveToken(client: SwarmClient, role: 'Worker' | 'Manager', now: () => number): Promise<string> {
  return translatedDocker('hand out a join token', () =>
    writingAgain(async () => {
      const swarm = await readSwarm(client);
      const labels = swarm.Spec.Labels ?? {};
      if (!labels[GIVEN]) await writeSwarm(client, swarm, { ...labels, [GIVEN]: isoTime(now()) });
      return swarm.JoinTokens[role];
    }),
  );
}

/** Decides anew whenever somebody else has written: two who look at once change them once. */
export function endTokens(client: SwarmClient, isAwaited: boolean, now: () => number): Promise<void> {
  return translatedDocker('change the join tokens', () =>
    writingAgain(async () => {
      const swarm = await readSwarm(client);
      const { [GIVEN]: given, [ROTATED]: rotated = swarm.CreatedAt } = swarm.Spec.Labels ?? {};
      if (mustRotate({ given, rotated }, isAwaited, now())) await rotate(client, swarm, now());
    }),
  );
}

/** At once, unless that has been done since the call began. */
export function revokeTokens(client: SwarmClient, now: () => number): Promise<void> {
  return translatedDocker('change the join tokens', async () => {
    const before = await readSwarm(client);
    await writingAgain(async () => {
      const swarm = await readSwarm(client);
      if (swarm.JoinTokens.Worker === before.JoinTokens.Worker) await rotate(client, swarm, now());
    });
  });
}

const readSwarm = (client: SwarmClient): Promise<SwarmObject> => client.swarmInspect();
const isoTime = (now: number): string => new Date(now).toISOString();

/** Both tokens and what is on record of them change in one write. Nodes that have joined are not affected. */
async function rotate(client: SwarmClient, swarm: SwarmObject, now: number): Promise<void> {
  const { [GIVEN]: _, ...labels } = swarm.Spec.Labels ?? {};
  const both = { rotateWorkerToken: true, rotateManagerToken: true };
  await writeSwarm(client, swarm, { ...labels, [ROTATED]: isoTime(now) }, both);
}

/** The whole spec is replaced. Labels are never empty here: the daemon would keep the old ones. */
async function writeSwarm(
  client: SwarmClient,
  { Version, Spec }: SwarmObject,
  labels: Record<string, string>,
  query: object = {},
): Promise<void> {
  await client.swarmUpdate({ _query: { version: Version.Index, ...query }, _body: { ...Spec, Labels: labels } });
}
