import { mayReplaceMaster, mayUpgradeMaster, quorumOf } from '../../shared/model/quorum';

/** `'+-+'`: master0 and master2 are ready, master1 is not; a dot is one that is lost altogether. */
const masters = (marks: string) =>
  [...marks].flatMap((mark, index) => (mark === '.' ? [] : [{ name: `master${index}`, ready: mark === '+' }]));
const judge = (marks: string, name: string) => {
  const judged = [mayReplaceMaster, mayUpgradeMaster].map((may) => may(masters(marks), marks.length, name));
  for (const refusal of judged) if (refusal) expect(refusal.code).toBe('QUORUM_AT_RISK');
  const [replace, upgrade] = judged.map((refusal) => refusal === undefined);
  return { replace, upgrade };
};

it.each([
  [1, 1],
  [3, 2],
  [5, 3],
])('a quorum of %i masters is %i', (members, quorum) => expect(quorumOf(members)).toBe(quorum));

describe('a master among others', () => {
  it.each([
    ['all are ready', '+++', 'master1', { replace: true, upgrade: true }],
    ['it is lost itself', '+-+', 'master1', { replace: true, upgrade: true }],
    ['its machine is gone', '+.+', 'master1', { replace: true, upgrade: true }],
    ['another one is lost', '+-+', 'master0', { replace: false, upgrade: false }],
    ['it is lost with another one', '--+', 'master0', { replace: false, upgrade: false }],
    ['one of five is lost', '+++-+', 'master0', { replace: true, upgrade: false }],
    ['two of five are lost', '+-+-+', 'master1', { replace: true, upgrade: false }],
    ['two others of five are lost', '+-+-+', 'master0', { replace: false, upgrade: false }],
  ])('%s', (_, marks, name, expected) => expect(judge(marks, name)).toEqual(expected));
});

it('a single master may be upgraded but never replaced, and is told what to do instead', () => {
  expect(judge('+', 'master0')).toEqual({ replace: false, upgrade: true });
  expect(mayReplaceMaster(masters('+'), 1, 'master0')?.message).toMatch(/only master.*deploy it anew/);
});

it('a refusal names the master, how many are ready and how many are needed', () => {
  expect(mayReplaceMaster(masters('+--'), 3, 'master1')?.message).toBe(
    '1 of the 2 masters beside master1 are ready, 2 are needed; bring another one back first',
  );
});
