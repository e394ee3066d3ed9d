import { createAttestationControl } from '../../local/azure/imds';
import type { SimResponse } from '../../local/azure/http';
import { agentSpec, createLab, masterSpec, pki, scheduledEvent, type Lab } from './machine-fixture';

const VERSION = '2025-04-07';
const { vmId } = agentSpec(3);

describe('the instance metadata service', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = createLab();
    lab.machines.boot({ ...agentSpec(3), customData: '' });
    await lab.until(() => lab.machines.list()[0]?.power === 'up');
    await lab.clock.advance(3_000);
  });

  const ask = async (path: string, change: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
    lab.imds({
      method: 'GET',
      url: new URL(`http://127.0.0.1/${vmId}${path}`),
      headers: { metadata: 'true' },
      body: '',
      ...change,
    });
  const events = async (version: string) =>
    ((await ask(`/metadata/scheduledevents?api-version=${version}`)).body as { Events: object[] }).Events;
  const approve = (body: string): Promise<SimResponse> =>
    ask('/metadata/scheduledevents?api-version=2020-07-01', { method: 'POST', body });

  it('tells an instance of a scale set who it is', async () => {
    const { status, body } = await ask(`/metadata/instance?api-version=${VERSION}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      compute: {
        vmId,
        name: 'agents_3',
        vmScaleSetName: 'agents',
        virtualMachineScaleSet: { id: '' },
        osProfile: { computerName: 'agents000003' },
      },
    });
  });

  it('answers a single value as text', async () => {
    const { body } = await ask(`/metadata/instance/compute/vmId?api-version=${VERSION}&format=text`);
    expect(body).toBe(vmId);
  });

  it.each([
    ['without the Metadata header', {}],
    ['through a proxy', { metadata: 'true', 'x-forwarded-for': '10.0.0.9' }],
  ])('refuses a request %s', async (_, headers: Record<string, string>) => {
    expect((await ask(`/metadata/instance?api-version=${VERSION}`, { headers })).status).toBe(400);
  });

  it('refuses a request without api-version and names the newest ones', async () => {
    const { status, body } = await ask('/metadata/instance');
    expect(status).toBe(400);
    expect(body).toMatchObject({ 'newest-versions': expect.arrayContaining([VERSION]) });
  });

  it('signs a document with the nonce that it was given, of at most 32 characters', async () => {
    const path = `/metadata/attested/document?api-version=${VERSION}&nonce=`;
    const { body } = await ask(path + 'a'.repeat(32));
    const { encoding, signature } = body as { encoding: string; signature: string };
    expect(encoding).toBe('pkcs7');
    const text = Buffer.from(signature, 'base64').toString('latin1');
    expect(text).toContain(`"nonce":"${'a'.repeat(32)}"`);
    expect(text).toContain(`"vmId":"${vmId}"`);
    expect((await ask(path + 'a'.repeat(33))).status).toBe(400);
  });

  it('answers five requests a second and 429 to more, until the second is over', async () => {
    const statuses = async (count: number): Promise<number[]> =>
      Promise.all(
        Array.from({ length: count }, async () => (await ask(`/metadata/instance?api-version=${VERSION}`)).status),
      );
    expect(await statuses(7)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    await lab.clock.advance(1_001);
    expect(await statuses(1)).toEqual([200]);
  });

  it('shows an event to the api versions that know its type', async () => {
    lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-1', EventType: 'Terminate' }));
    expect(await events('2020-07-01')).toEqual([scheduledEvent({ EventId: 'e-1', EventType: 'Terminate' })]);
    expect(await events('2017-11-01')).toEqual([]);
    expect((await events('2019-01-01'))[0]).not.toHaveProperty('DurationInSeconds');
  });

  it('counts the incarnation up with every change', async () => {
    const read = async () =>
      ((await ask('/metadata/scheduledevents?api-version=2020-07-01')).body as { DocumentIncarnation: number })
        .DocumentIncarnation;
    const before = await read();
    lab.machines.announce(vmId, scheduledEvent({}));
    expect(await read()).toBe(before + 1);
  });

  it('shows an event to every instance of its scale set until it has happened, and to no single VM', async () => {
    lab.machines.boot({ ...agentSpec(4), customData: '' });
    lab.machines.boot({ ...masterSpec(), customData: '' });
    lab.machines.announce(agentSpec(4).vmId, scheduledEvent({ EventId: 'e-4', Resources: ['agents_4'] }));
    const ids = async (): Promise<unknown[]> =>
      (await events('2020-07-01')).map((event) => (event as { EventId: string }).EventId);
    expect(await ids()).toEqual(['e-4']);
    expect(lab.inventory.scheduledEvents.visibleTo(masterSpec()).Events).toEqual([]);
    lab.machines.destroy(agentSpec(4).vmId);
    expect(await ids()).toEqual([]);
  });

  it('shows an event of one master to all in its availability set', () => {
    const inSet = (vmId: string, name: string) => ({
      ...masterSpec(),
      vmId,
      name,
      availabilitySet: 'masters',
      customData: '',
    });
    const [first, second] = [inSet('m-0', 'master0'), inSet('m-1', 'master1')];
    for (const spec of [first, second]) lab.machines.boot(spec);
    lab.machines.announce('m-0', scheduledEvent({ EventId: 'e-0', Resources: ['master0'] }));
    expect(lab.inventory.scheduledEvents.visibleTo(second).Events).toMatchObject([{ EventId: 'e-0' }]);
    expect(lab.inventory.scheduledEvents.visibleTo(masterSpec()).Events).toEqual([]);
  });

  it('counts a machine among those that listen from its first question until a day after its last', async () => {
    expect(lab.machines.hearsEvents(vmId)).toBe(false);
    await events('2020-07-01');
    expect(lab.machines.hearsEvents(vmId)).toBe(true);
    await lab.clock.advance(24 * 3_600_000 + 1_000);
    expect(lab.machines.hearsEvents(vmId)).toBe(false);
  });

  it('passes the approval of an event on to Azure, and refuses an unknown one', async () => {
    lab.machines.announce(vmId, scheduledEvent({ EventId: 'e-1', Resources: ['another'] }));
    expect((await approve('{"StartRequests":[{"EventId":"e-2"}]}')).status).toBe(400);
    expect((await approve('StartRequests=e-1')).status).toBe(400);
    expect(lab.acknowledged).toEqual([]);
    expect((await approve('{"StartRequests":[{"EventId":"e-1"}]}')).status).toBe(200);
    expect(lab.acknowledged).toEqual(['e-1']);
  });

  it('answers nothing to a machine that is off, and 410 just after it was switched on', async () => {
    lab.machines.shutdown(vmId, false);
    expect((await ask(`/metadata/instance?api-version=${VERSION}`)).status).toBe(404);
    lab.machines.boot(agentSpec(3));
    const seen = new Set<number>();
    await lab.until(() => lab.machines.list()[0]?.power === 'up');
    for (let second = 0; second < 5; second += 1) {
      seen.add((await ask(`/metadata/instance?api-version=${VERSION}`)).status);
      await lab.clock.advance(1_000);
    }
    expect([...seen]).toEqual([410, 200]);
  });

  it('shows what it would answer to a machine of a cluster, and forgeries', async () => {
    const control = createAttestationControl({ machines: lab.inventory, pki });
    const get = async (query: string): Promise<SimResponse> =>
      control({ method: 'GET', url: new URL(`http://127.0.0.1/_local/attestation?${query}`), headers: {}, body: '' });
    const text = async (query: string): Promise<string> =>
      Buffer.from(((await get(query)).body as { signature: string }).signature, 'base64').toString('latin1');
    expect(await text('cluster=blue&instanceId=3&nonce=n1')).toContain(`"vmId":"${vmId}"`);
    expect(await text('cluster=blue&instanceId=3&nonce=n1&forge=subscription')).not.toContain(
      agentSpec(3).subscriptionId,
    );
    expect((await get('cluster=blue&instanceId=3&forge=everything')).status).toBe(400);
    expect((await get('cluster=blue&instanceId=4')).status).toBe(404);
  });
});
