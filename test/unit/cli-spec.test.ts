import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { neighbour, SIZES } from '../../cli/commands/sizes-ladder';
import { completeSpec, describedSpec, FIRST_SPEC, readSpec, withFlags } from '../../cli/spec';

const folder = mkdtempSync(join(tmpdir(), 'starling-spec-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('a spec from options', () => {
  const before = completeSpec({ ...FIRST_SPEC, agents: { count: 5, size: 'Standard_D2s_v5' }, drift: 'adopt' });

  it('keeps what they do not say', () => {
    expect(completeSpec(withFlags(before, {}))).toEqual(before);
    expect(completeSpec(withFlags(before, { agents: 2 }))).toEqual({
      ...before,
      agents: { ...before.agents, count: 2 },
    });
  });

  it('takes every one of them', () => {
    const key = file('k.pub', 'ssh-ed25519 AAAA me\n');
    const spec = completeSpec(
      withFlags(FIRST_SPEC, {
        ...{ location: 'northeurope', engineVersion: 'v1.35.1+k3s1', masters: 3, masterSize: 'Standard_B2ms' },
        ...{ agents: 4, min: 1, max: 9, size: 'Standard_D2s_v5', spot: true, maxPrice: 0.1, disk: 64 },
        ...{ sshKey: key, sshFrom: ['203.0.113.7/32'], sshPort: 2211, ingressFrom: ['198.51.100.0/24'] },
      }),
    );
    expect(spec).toMatchObject({
      location: 'northeurope',
      version: 'v1.35.1+k3s1',
      masters: { count: 3, size: 'Standard_B2ms' },
      agents: { count: 4, min: 1, max: 9, size: 'Standard_D2s_v5', priority: 'Spot', maxPrice: 0.1, diskGiB: 64 },
      ssh: { publicKey: 'ssh-ed25519 AAAA me', from: ['203.0.113.7/32'], port: 2211 },
      ingress: { from: ['198.51.100.0/24'] },
    });
  });

  it('never guesses who may use SSH, and never sends a private key', () => {
    const key = file('k2.pub', 'ssh-ed25519 AAAA me');
    expect(() => withFlags(FIRST_SPEC, { sshKey: key })).toThrow('addresses');
    expect(() => withFlags(FIRST_SPEC, { sshFrom: ['*'] })).toThrow('key');
    const secret = file('k.pem', '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n');
    expect(() => withFlags(FIRST_SPEC, { sshKey: secret, sshFrom: ['*'] })).toThrow('private key');
  });

  it('lets go of a version that was of another engine, unless one is named', () => {
    expect(completeSpec(withFlags(before, { engine: 'swarm' }))).toMatchObject({ engine: 'swarm', version: '29.7.2' });
    const other = withFlags(before, { engine: 'swarm', engineVersion: '29.7.1' });
    expect(completeSpec(other).version).toBe('29.7.1');
    expect(withFlags({ ...before, version: 'v1.35.1+k3s1' }, { engine: 'k3s' }).version).toBe('v1.35.1+k3s1');
  });

  it('names each bad field', () => {
    expect(() => completeSpec(withFlags(FIRST_SPEC, { masters: 2, agents: 99 }))).toThrow(
      /masters\.count.*agents\.count/,
    );
  });
});

describe('a spec as a file', () => {
  const spec = completeSpec(FIRST_SPEC);

  it('says of each field what it means, and reads back as the same', () => {
    const text = describedSpec(spec);
    expect(parse(text)).toEqual(spec);
    expect(text.match(/^ *# /gm)?.length).toBeGreaterThan(20);
    expect(readSpec(file('a.yaml', text))).toEqual(spec);
  });

  it('may be JSON', () => {
    expect(readSpec(file('a.json', JSON.stringify(spec)))).toEqual(spec);
  });

  it.each([
    ['a list', '- a'],
    ['nothing', ''],
    ['a text', 'hello'],
    ['broken YAML', 'a: [1'],
  ])('is refused when it holds %s', (_, text) => {
    expect(() => readSpec(file('bad.yaml', text))).toThrow('bad.yaml');
  });

  it('is refused by name when it is not there', () => {
    expect(() => readSpec(join(folder, 'missing.yaml'))).toThrow(/missing\.yaml.*ENOENT/);
  });
});

describe('sizes up and down', () => {
  it('go along the list and end with it', () => {
    expect(neighbour('standard_b2s', 'up')).toBe(SIZES[1]);
    expect(neighbour(SIZES[1]!, 'down')).toBe(SIZES[0]);
    expect(() => neighbour(SIZES[0]!, 'down')).toThrow('nothing down');
    expect(() => neighbour(SIZES.at(-1)!, 'up')).toThrow('nothing up');
    expect(() => neighbour('Standard_M8ms', 'up')).toThrow('none of');
  });
});
