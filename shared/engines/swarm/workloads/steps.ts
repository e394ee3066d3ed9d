import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkCreateOptions, ServiceSpec } from 'dockerode';
import { refuse, type Refusal } from '../../../model/errors';
import type { SwarmClient } from '../connection';
import { isDockerStatus, isSilence, readDockerFailure } from '../errors';
import { orAbsent } from '../objects';
import { writingAgain } from '../writing';
import type { WorkloadService } from './compose/service-spec';
import type { RunningService } from './inventory';
import { KEPT_LABELS } from './labels';

/** Nobody is signed in to a registry. Without it, dockerode would send the whole service as somebody's password. */
const NO_REGISTRY = {};

/** Managers need some tenths of a second; a request should not take many more. */
const NETWORK_PAUSE_MS = 300;
const NETWORK_TRIES = 10;

/** One write, and how it is taken back. Both bear to be carried out twice. */
export interface Step {
  /** `service shop_web` */
  what: string;
  run: () => Promise<void>;
  undo: () => Promise<void>;
}

/** Takes the steps in turn. When Swarm refuses one, those before it are taken back, the last first; silence is thrown. */
export async function attempt(steps: Step[]): Promise<Refusal | undefined> {
  for (const [index, { what, run }] of steps.entries()) {
    const why = await refusalOf(run);
    if (why === undefined) continue;
    const stuck: string[] = [];
    for (const done of steps.slice(0, index).reverse())
      if ((await refusalOf(done.undo)) !== undefined) stuck.push(done.what);
    const left = stuck.length > 0 ? `; could not be put back: ${stuck.join(', ')}` : '';
    return refuse('WORKLOAD_REFUSED', `${what}: ${why}${left}`);
  }
  return undefined;
}

/** Of swarmkit's answers only the words. Sample: `rpc error: code = InvalidArgument desc = port '80' is already in use`. */
async function refusalOf(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    const failure = readDockerFailure(error);
    if (!failure || isSilence(error)) throw error;
    return failure.message.replace(/^rpc error: code = \w+ desc = /, '');
  }
}

export const makeNetwork = (client: SwarmClient, network: NetworkCreateOptions): Step => ({
  what: `network ${network.Name}`,
  async run() {
    try {
      await client.createNetwork(network);
    } catch (error) {
      if (!isDockerStatus(error, 409)) throw error; // there already: an answer was lost
    }
  },
  undo: () => removeNetwork(client, network.Name),
});

/** Tasks of a service that was just removed are told to end a moment later, and hold its networks until then. */
async function removeNetwork(client: SwarmClient, name: string): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      return void (await orAbsent(client.getNetwork(name).remove()));
    } catch (error) {
      if (tries >= NETWORK_TRIES || !isDockerStatus(error, 400, 403, 409)) throw error;
      await sleep(NETWORK_PAUSE_MS);
    }
}

/** Makes the service, or brings the one of this name to this form. */
export function putService(client: SwarmClient, service: WorkloadService): Step {
  let before: ServiceSpec | undefined;
  return {
    what: `service ${service.Name}`,
    run: () =>
      writingAgain(async () => {
        const found = await readService(client, service.Name);
        before ??= found?.Spec;
        await (found ? write(client, found, keeping(service, found.Spec)) : create(client, service));
      }),
    undo: () =>
      writingAgain(async () => {
        const found = await readService(client, service.Name);
        if (found) await (before ? write(client, found, before) : orAbsent(client.getService(found.ID).remove()));
      }),
  };
}

export const removeService = (client: SwarmClient, { ID, Spec }: RunningService): Step => ({
  what: `service ${Spec.Name}`,
  run: async () => void (await orAbsent(client.getService(ID).remove())),
  undo: () => create(client, Spec),
});

/** Changes what there is; false when there is none. */
export function changeService(
  client: SwarmClient,
  name: string,
  change: (spec: WorkloadService) => WorkloadService,
): Promise<boolean> {
  return writingAgain(async () => {
    const found = await readService(client, name);
    if (found) await write(client, found, change(found.Spec));
    return found !== undefined;
  });
}

const readService = (client: SwarmClient, name: string): Promise<RunningService | undefined> =>
  orAbsent(client.getService(name).inspect() as Promise<RunningService>);

async function write(client: SwarmClient, { ID, Version }: RunningService, spec: ServiceSpec): Promise<void> {
  await client.getService(ID).update({ _query: { version: Version.Index }, _body: spec });
}

async function create(client: SwarmClient, spec: ServiceSpec): Promise<void> {
  try {
    await client.createService(NO_REGISTRY, spec);
  } catch (error) {
    if (!isDockerStatus(error, 409)) throw error; // there already: an answer was lost
  }
}

/** What rebalancing has written stays, or tasks would be restarted for nothing. */
function keeping(wanted: WorkloadService, before: WorkloadService): WorkloadService {
  const kept = Object.entries(before.Labels ?? {}).filter(([label]) => KEPT_LABELS.includes(label));
  return {
    ...wanted,
    Labels: { ...Object.fromEntries(kept), ...wanted.Labels },
    TaskTemplate: { ...wanted.TaskTemplate, ForceUpdate: before.TaskTemplate.ForceUpdate },
  };
}
