import { waitUntil, type Operation } from '../support/starling';
import { ACCIDENTS, throttle } from './accidents';
import type { Life } from './life';

const nothing = (): Promise<void> => Promise.resolve();

/** What is wrong with Azure when an operation begins. It has to succeed all the same. */
export const HINDRANCES: Record<string, (life: Life) => Promise<void>> = {
  '': nothing,
  'through a throttled Azure': throttle,
  'through an Azure whose answers are lost': loseAnswers,
};

interface Interruption {
  happens: (life: Life, operation: string) => Promise<void>;
  /** The operation may end otherwise than well; the cluster settles all the same. */
  mayFail: boolean;
}

/** What happens while an operation is under way. */
export const INTERRUPTIONS: Record<string, Interruption> = {
  '': { happens: nothing, mayFail: false },
  'and a sudden end meanwhile': { happens: meanwhile('a sudden end'), mayFail: false },
  'and a crash meanwhile': { happens: meanwhile('a crash'), mayFail: true },
  'and a machine that vanishes meanwhile': { happens: meanwhile('a machine that vanishes'), mayFail: true },
  'and is cancelled': {
    async happens(life, operation) {
      await moment(life, operation);
      await life.starling.request('DELETE', `/api/operations/${operation}`);
    },
    mayFail: true,
  },
};

function meanwhile(accident: string): Interruption['happens'] {
  return async (life, operation) => {
    await moment(life, operation);
    await ACCIDENTS[accident]!(life);
  };
}

/** Azure does what it is asked to, and nobody learns of it. */
async function loseAnswers({ starling, choices }: Life): Promise<void> {
  const match = { path: 'Microsoft.Compute', method: choices.oneOf(['POST', 'PUT', 'PATCH', 'GET']) };
  await starling.control('POST', '/_local/faults', { match, times: choices.between(1, 3), dropAnswer: true });
}

/** After some steps of the operation that can be seen from outside, or its end. */
async function moment({ starling, choices }: Life, operation: string): Promise<void> {
  const steps = choices.between(0, 4);
  const seen = new Set<string>();
  await waitUntil('the operation has come so far', async () => {
    if (seen.size >= steps) return true;
    const { body } = await starling.request<Operation>('GET', `/api/operations/${operation}`);
    seen.add(JSON.stringify([body.phase, body.progress]));
    return body.state !== 'running';
  });
}
