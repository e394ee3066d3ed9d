import { attempt, type Step } from '../../shared/engines/swarm/workloads/steps';

const refusal = (statusCode: number, message: string): Error =>
  Object.assign(new Error(message), { statusCode, json: { message } });

function stepsThat(log: string[], fails: Record<string, Error>): Step[] {
  const act = (what: string) => async (): Promise<void> => {
    log.push(what);
    if (fails[what]) throw fails[what];
  };
  return ['one', 'two', 'three'].map((what) => ({ what, run: act(what), undo: act(`not ${what}`) }));
}

const NO = refusal(400, 'rpc error: code = InvalidArgument desc = it is bad');

test('steps are taken in turn', async () => {
  const log: string[] = [];
  expect(await attempt(stepsThat(log, {}))).toBeUndefined();
  expect(log).toEqual(['one', 'two', 'three']);
});

test('a refusal takes back what was done, the last first, and is told in the words of Swarm', async () => {
  const log: string[] = [];
  const refused = await attempt(stepsThat(log, { three: NO }));
  expect(refused).toEqual({ ok: false, code: 'WORKLOAD_REFUSED', message: 'three: it is bad' });
  expect(log).toEqual(['one', 'two', 'three', 'not two', 'not one']);
});

test('what cannot be taken back is named, and the rest is taken back all the same', async () => {
  const log: string[] = [];
  const refused = await attempt(stepsThat(log, { three: NO, 'not two': NO }));
  expect(refused?.message).toBe('three: it is bad; could not be put back: two');
  expect(log.at(-1)).toBe('not one');
});

test('silence is no refusal: nothing is taken back, for the change may be repeated', async () => {
  const log: string[] = [];
  await expect(attempt(stepsThat(log, { two: refusal(503, 'later') }))).rejects.toThrow('later');
  expect(log).toEqual(['one', 'two']);
});
