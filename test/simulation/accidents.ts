import type { Node } from '../support/cluster';
import { waitUntil } from '../support/starling';
import { agentsIn, anyMaster, anyNumber, type Life } from './life';

type Accident = (life: Life) => Promise<void>;

/** What the world does; the wish stays as it is. */
export const ACCIDENTS: Record<string, Accident> = {
  'a crash': (life) => strike(life, 'crash'),
  'an eviction': (life) => strike(life, 'evict'),
  'a machine that vanishes': (life) => strike(life, 'vanish'),
  'a parked machine that vanishes': async (life) => {
    const parked = await agentsIn(life, 'parked');
    if (parked.length > 0) await disturb(life, life.choices.oneOf(parked), 'vanish');
  },
  'a crash of a master': async (life) => {
    const name = anyMaster(life);
    const master = (await life.cluster.nodes()).find(({ instanceId }) => instanceId === name);
    await disturb(life, master!, 'crash');
  },
  'a change from outside': async (life) => {
    await life.starling.control('POST', `/_local/scale-sets/${life.cluster.name}`, { capacity: anyNumber(life) });
  },
  'unreliable events': async ({ starling, choices }) => {
    const mode = choices.oneOf(['normal', 'duplicate', 'reorder', 'drop']);
    await starling.control('POST', '/_local/events', { mode, dropFraction: 0.5 });
  },
  'a throttled Azure': throttle,
  'a sudden end': async ({ starling }) => {
    await starling.kill9();
    await starling.restart();
  },
};

export async function throttle({ starling, choices }: Life): Promise<void> {
  await starling.control('POST', '/_local/faults', {
    match: { path: 'Microsoft.Compute' },
    times: choices.between(1, 4),
    ...choices.oneOf([
      { status: 429, code: 'TooManyRequests', retryAfterSeconds: 5 },
      { status: 503 },
      { dropConnection: true },
    ]),
  });
}

async function strike(life: Life, deed: Deed): Promise<void> {
  const ready = await agentsIn(life, 'ready');
  if (ready.length > 0) await disturb(life, life.choices.oneOf(ready), deed);
}

type Deed = 'crash' | 'evict' | 'vanish';

/** An eviction comes half a minute after its notice; what follows would otherwise look at a cluster that is still whole. */
async function disturb({ cluster }: Life, { instanceId, vmId }: Node, deed: Deed): Promise<void> {
  const isUp = async (): Promise<boolean> =>
    (await cluster.vms()).some((vm) => vm.vmId === vmId && (deed === 'vanish' || vm.power === 'running'));
  try {
    await cluster.disturb(instanceId, deed);
  } catch (error) {
    if (!/answered 4(04|09)/.test(String(error))) throw error;
    return; // an operation was quicker: it is down already, or gone
  }
  await waitUntil('the machine is down', async () => !(await isUp()));
}
