import {
  checkCredential,
  listWaitingTokens,
  markCredential,
  restartWaiting,
  revokeWaitingTokens,
  rotateJoinKey,
} from '../../orchestrations/activities/masters-keys';
import { AppError } from '../../shared/model/errors';
import type { NodeRecord } from '../../shared/model/node';
import { HELD, masterWorld, OPERATION } from '../support/master-world';
import { nodeRecord } from '../support/records';

const LATER = '2026-02-03T04:10:00.000Z';
const agent = (index: number, changes: Partial<NodeRecord>): NodeRecord => ({
  ...nodeRecord('demo', index),
  ticketAttempt: 0,
  ...changes,
});
const JOINING = agent(1, { state: 'joining', ticketAttempt: 2, ticketExpiresAt: LATER });
const BOOTING = agent(2, { state: 'booting' });
const MEMBER = agent(3, { state: 'ready', ticketAttempt: 1, registeredAt: '2026-02-03T03:00:00.000Z' });

/** One agent holds a ticket, one has none yet, one has joined. */
async function world() {
  const made = masterWorld(['ready']);
  for (const row of [JOINING, BOOTING, MEMBER]) made.addAgent(row);
  await made.mint.prepare('demo');
  const revoked: string[] = [];
  const engine = made.connectEngine();
  engine.revokeTokens = async (ids) => void revoked.push(...ids);
  return { made, revoked };
}

describe('tokens that wait', () => {
  it('are named before the key changes: the one that a node has, and the next', async () => {
    const { made } = await world();
    const { ids } = await listWaitingTokens(made, HELD);
    const tickets = [
      { ...JOINING, attempt: 2 },
      { ...JOINING, attempt: 3 },
      { ...BOOTING, attempt: 0 },
      { ...BOOTING, attempt: 1 },
    ];
    expect(ids).toEqual((await Promise.all(tickets.map(made.mint.derive))).map(({ id }) => id));
  });

  it('are ended under their old names; their holders get the next ticket, and boot again for it', async () => {
    const { made, revoked } = await world();
    const { ids } = await listWaitingTokens(made, HELD);
    await rotateJoinKey(made, HELD);
    const outcome = await revokeWaitingTokens(made, { ...HELD, ids });
    expect(outcome).toEqual({ ok: true, vmIds: [JOINING.vmId] });
    expect(revoked).toEqual(ids);
    expect(made.node(JOINING.vmId)).toMatchObject({ ticketAttempt: 2, ticketExpiresAt: '' });
    expect(made.node(MEMBER.vmId)).toMatchObject({ ticketAttempt: 1, ticketExpiresAt: MEMBER.ticketExpiresAt });
    expect(await restartWaiting(made, { ...HELD, vmIds: [JOINING.vmId] })).toMatchObject({ ok: true });
    expect(made.calls).toEqual([`restartAgents ${JOINING.instanceId}`]);
    expect(made.told.map(({ type }) => type)).toEqual(['key.rotated', 'ticket.revoked']);
  });

  it('whose holder has joined meanwhile cost it no boot', async () => {
    const { made } = await world();
    made.nodeRows.put(JOINING.vmId, { ...JOINING, state: 'ready', registeredAt: LATER });
    expect(await restartWaiting(made, { ...HELD, vmIds: [JOINING.vmId] })).toEqual({ ok: true, pollers: [] });
    expect(made.calls).toEqual([]);
  });

  it('are left alone by an operation that was pre-empted, and so is the key', async () => {
    const { made, revoked } = await world();
    made.changeCluster({ operation: 'demo.destroy.b' });
    const key = made.secrets.get('demo-join-key');
    const outcomes = [
      await rotateJoinKey(made, HELD),
      await revokeWaitingTokens(made, { ...HELD, ids: ['abcdef'] }),
      await restartWaiting(made, { ...HELD, vmIds: [JOINING.vmId] }),
    ];
    expect(outcomes).toMatchObject(Array(3).fill({ ok: false, code: 'CANCELLED' }));
    expect([made.secrets.get('demo-join-key'), revoked, made.calls]).toEqual([key, [], []]);
  });
});

it('the key is rotated once however often a crash repeats that, and told once', async () => {
  const { made } = await world();
  await rotateJoinKey(made, HELD);
  const key = made.secrets.get('demo-join-key');
  await rotateJoinKey(made, HELD);
  expect(made.secrets.get('demo-join-key')).toBe(key);
  expect(made.told).toMatchObject([{ type: 'key.rotated', cause: OPERATION }]);
});

describe('the credential for the engine', () => {
  const report = (credential: string): string => JSON.stringify({ endpoint: 'https://a:6443', caPem: '', credential });

  it('is told apart by a mark that does not hold it', async () => {
    const { made } = await world();
    const { mark } = await markCredential(made, { cluster: 'demo' });
    expect(mark).toMatch(/^[0-9a-f]{8}$/);
    expect(await checkCredential(made, { cluster: 'demo', before: mark })).toEqual({ changed: false, answers: true });
    made.secrets.set('demo-engine', report('second'));
    expect(await checkCredential(made, { cluster: 'demo', before: mark })).toEqual({ changed: true, answers: true });
  });

  it('that the engine refuses does not answer', async () => {
    const { made } = await world();
    made.connectEngine().listNodes = () => Promise.reject(new AppError('INTERNAL', 'Unauthorized'));
    expect(await checkCredential(made, { cluster: 'demo', before: '' })).toEqual({ changed: true, answers: false });
  });
});
