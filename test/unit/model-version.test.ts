import { canonicalVersion, isSameVersion, upgradeProblem } from '../../shared/model/version';

const FROM = 'v1.36.2+k3s1';

it.each([
  ['the same version', FROM],
  ['the same without its v', '1.36.2+k3s1'],
  ['the next packing', 'v1.36.2+k3s2'],
  ['the next patch', 'v1.36.3+k3s1'],
  ['a much later patch', 'v1.36.10+k3s1'],
  ['the next minor version', 'v1.37.0+k3s1'],
])('may go to %s', (_, to) => expect(upgradeProblem(FROM, to)).toBeUndefined());

it.each([
  ['an older patch', 'v1.36.1+k3s1', /older.*cannot go back/],
  ['an older packing', 'v1.36.2+k3s0', /older/],
  ['an older minor version', 'v1.35.9+k3s1', /older/],
  ['a leap over a minor version', 'v1.38.0+k3s1', /leaves out a minor version.*1\.37 first/],
  ['another major version', 'v2.0.0+k3s1', /major version/],
  ['a version of Kubernetes itself', 'v1.36.3', /not a release of k3s/],
  ['a version before a release', 'v1.36.3-rc1', /not a release of k3s/],
])('may not go to %s', (_, to, why) => expect(upgradeProblem(FROM, to)).toMatch(why));

it('says so when the present version is none that it knows', () => {
  expect(upgradeProblem('unknown', FROM)).toMatch(/cannot be compared/);
});

it('compares numbers, not texts', () => {
  expect(upgradeProblem('v1.36.9+k3s1', 'v1.36.10+k3s1')).toBeUndefined();
  expect(upgradeProblem('v1.36.10+k3s1', 'v1.36.9+k3s1')).toMatch(/older/);
});

it('takes a version with and without its v for the same', () => {
  expect([canonicalVersion('1.36.2+k3s1'), canonicalVersion(FROM)]).toEqual([FROM, FROM]);
  expect(isSameVersion('1.36.2+k3s1', FROM)).toBe(true);
  expect(isSameVersion('v1.36.2+k3s2', FROM)).toBe(false);
});
