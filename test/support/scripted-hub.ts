import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvocationFailure, type AppWorker, type InstanceStatus } from '../../local/host/contract';
import { startHub } from '../../local/host/durable/hub';
import { activities, type Contract } from '../../orchestrations/contracts';
import { endedInstance } from './host-sample/durable-host';
import { idleClock } from './idle-clock';

type Activities = typeof activities;
type InputOf<C> = C extends Contract<infer Input, unknown> ? Input : never;
type OutputOf<C> = C extends Contract<never, infer Output> ? Output : never;

/** What each activity answers; `count` is 1 at its first call. What is missing here must not be called. */
export type Script = {
  [Name in keyof Activities]?: (input: InputOf<Activities[Name]>, count: number) => OutputOf<Activities[Name]>;
};

export interface Course {
  status: InstanceStatus;
  /** Activities in the order of their calls. */
  calls: { name: string; input: unknown }[];
  names: string[];
}

/**
 * Runs an orchestration of the built app on the project's engine. The worker never remembers anything, so that every turn
 * is replayed from the whole history by the real durable-functions, and checked against the steps taken before.
 */
export async function runScripted<I>(
  worker: AppWorker,
  orchestration: Contract<I, unknown>,
  { input, script }: { input: I; script: Script },
): Promise<Course> {
  const calls: Course['calls'] = [];
  const folder = mkdtempSync(join(tmpdir(), 'starling-scripted-'));
  const clock = idleClock(Date.UTC(2026, 0, 1));
  const forgetful: Partial<AppWorker> = {
    orchestrate: (turn) => (turn.full ? clock.during(worker.orchestrate(turn)) : Promise.resolve({ kind: 'miss' })),
    async invoke({ functionName, data }) {
      const call = { name: functionName, input: JSON.parse((data as { json: string }).json) as unknown };
      calls.push(call);
      return { returnValue: { json: JSON.stringify(answer(script, call, calls) ?? null) } };
    },
  };
  const scripted = Object.assign(Object.create(worker) as AppWorker, forgetful);
  const hub = await startHub({
    file: join(folder, 'durable.db'),
    hubName: 'Scripted',
    clock,
    worker: scripted,
    log: () => undefined,
  });
  try {
    const { instanceId } = await hub.start({ name: orchestration.name, input });
    return { status: await endedInstance(hub, instanceId), calls, names: calls.map(({ name }) => name) };
  } finally {
    clock.stop();
    await hub.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function answer(script: Script, { name, input }: Course['calls'][number], calls: Course['calls']): unknown {
  const play = script[name as keyof Script] as ((input: unknown, count: number) => unknown) | undefined;
  const count = calls.filter((call) => call.name === name).length;
  try {
    if (!play) throw new Error(`${name} was not expected`);
    return play(input, count);
  } catch (error) {
    const { message } = error as Error;
    throw new InvocationFailure(message, { name: 'Error', message });
  }
}
