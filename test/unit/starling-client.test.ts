import { readFileSync } from 'node:fs';
import { virtualClock } from '../../local/clock';
import type { Guest } from '../../local/vm/guest';
import { isRetryable } from '../../local/vm/retry';
import { createStarlingClient, type StarlingClient } from '../../local/vm/starling-client';
import { agentSpec, masterSpec, START } from './machine-fixture';

const environment = { STARLING_URL: 'https://app.example', STARLING_CLUSTER: 'blue' };
const guest = (spec: Guest['spec']): Guest => ({ spec, state: { bootId: 'b' } as Guest['state'] });

/** A client whose requests stay open until they are answered, in the order in which they came. */
function openLab() {
  const clock = virtualClock(START);
  const asked: { instanceId: string; answer: (status: number) => void }[] = [];
  const fetch: typeof globalThis.fetch = (_, init) => {
    const { claims } = JSON.parse(String(init?.body)) as { claims: string };
    const { instanceId } = JSON.parse(claims) as { instanceId: string };
    return new Promise((resolve) =>
      asked.push({ instanceId, answer: (status) => resolve(new Response('{}', { status })) }),
    );
  };
  const imds = () => () => ({ status: 200, body: { signature: 'signed' } });
  const client = createStarlingClient(imds, fetch, clock);
  const join = (spec: Guest['spec']): ReturnType<StarlingClient['post']> =>
    client.post(guest(spec), 'join', environment);
  return { clock, asked, join };
}

it('agents ask 32 at a time, and a master waits for none of them', async () => {
  const { clock, asked, join } = openLab();
  for (let id = 0; id < 40; id++) void join(agentSpec(id));
  void join(masterSpec());
  await clock.advance(1);
  expect(asked.filter(({ instanceId }) => instanceId !== 'master0')).toHaveLength(32);
  expect(asked.map(({ instanceId }) => instanceId)).toContain('master0');
  asked[0]!.answer(200);
  await clock.advance(1);
  expect(asked.map(({ instanceId }) => instanceId)).toHaveLength(34);
});

it.each([
  ['at once, is a refusal', 1_000, 401],
  ['so late that curl had given up long before, is no answer', 61_000, 0],
])('401, told %s', async (_, tookMs, status) => {
  const { clock, asked, join } = openLab();
  const answer = join(agentSpec(3));
  await clock.advance(tookMs);
  asked[0]!.answer(401);
  expect(await answer).toMatchObject({ status });
});

it('a ticket is taken however late it comes', async () => {
  const { clock, asked, join } = openLab();
  const answer = join(agentSpec(3));
  await clock.advance(600_000);
  asked[0]!.answer(200);
  expect(await answer).toMatchObject({ status: 200 });
});

it('repeats what the script of real nodes repeats', () => {
  const script = readFileSync('cloud-init/scripts/starling-attest.sh', 'utf8');
  const again = new RegExp(/answered\(\).*=~ (\^\S+\$) \]\]/.exec(script)?.[1] ?? '');
  const statuses = [0, ...Array.from({ length: 500 }, (_, n) => 100 + n)];
  const asScript = statuses.filter((status) => again.test(String(status).padStart(3, '0')));
  expect(statuses.filter((status) => isRetryable({ status, body: '' }))).toEqual(asScript);
  expect(asScript.length).toBeGreaterThan(100);
});
