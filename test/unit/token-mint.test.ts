import { cacheVault } from '../../shared/azure/cached-vault';
import { createTokenMint } from '../../shared/azure/mint';
import { SECRET_AGE_MS } from '../../shared/model/names';
import type { Vault } from '../../shared/ports';

const TICKET = { cluster: 'demo', vmId: 'a', generation: 1, attempt: 1 };

/** A vault with two instances of the app, each with a cache of its own. */
async function twoInstances() {
  const secrets = new Map<string, string>();
  const source: Vault = {
    get: async (name) => secrets.get(name),
    set: async (name, value) => void secrets.set(name, value),
    remove: async (name) => void secrets.delete(name),
  };
  const clock = { time: 0, now: () => clock.time };
  const [mint, other] = [0, 1].map(() => createTokenMint(cacheVault(source, clock), source)) as [
    ReturnType<typeof createTokenMint>,
    ReturnType<typeof createTokenMint>,
  ];
  await mint.prepare('demo');
  return { secrets, clock, mint, other };
}

describe('the key of join tokens', () => {
  it('gives the same token for the same ticket, on every instance of the app', async () => {
    const { mint, other } = await twoInstances();
    const token = await mint.derive(TICKET);
    expect(token).toEqual({ id: expect.stringMatching(/^\w{6}$/), secret: expect.stringMatching(/^\w{16}$/) });
    expect(await other.derive(TICKET)).toEqual(token);
    expect(await mint.derive({ ...TICKET, attempt: 2 })).not.toEqual(token);
  });

  it('once rotated gives another token here at once, and elsewhere within the age of a secret', async () => {
    const { mint, other, clock } = await twoInstances();
    const before = await other.derive(TICKET);
    await mint.rotateJoinKey('demo', 'demo.rotate.a');
    const after = await mint.derive(TICKET);
    expect(after).not.toEqual(before);
    expect(await other.derive(TICKET)).toEqual(before);
    clock.time += SECRET_AGE_MS;
    expect(await other.derive(TICKET)).toEqual(after);
  });

  it('is rotated once, however often the same rotation is asked for', async () => {
    const { mint, other, secrets } = await twoInstances();
    await mint.rotateJoinKey('demo', 'demo.rotate.a');
    const once = secrets.get('demo-join-key');
    await other.rotateJoinKey('demo', 'demo.rotate.a');
    expect(secrets.get('demo-join-key')).toBe(once);
    await other.rotateJoinKey('demo', 'demo.rotate.b');
    expect(secrets.get('demo-join-key')).not.toBe(once);
  });

  it('leaves the token of masters alone', async () => {
    const { mint } = await twoInstances();
    const before = await mint.serverToken('demo');
    await mint.rotateJoinKey('demo', 'demo.rotate.a');
    expect(await mint.serverToken('demo')).toBe(before);
  });
});
