import { cloud, type Cloud } from './arm-cloud';
import { clusterTemplate, GROUP } from './arm-bodies';

const properties = {
  mode: 'Incremental' as const,
  template: clusterTemplate(2),
  parameters: { data: { value: 'aGk=' } },
};

async function deployed(): Promise<Cloud> {
  const here = cloud();
  for (const name of [GROUP, 'demo-storage'])
    await here.resources.resourceGroups.createOrUpdate(name, { location: 'westeurope' });
  await here.finish(await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }));
  return here;
}

async function listed(here: Cloud): Promise<{ id: string; power?: string }[]> {
  const found = [];
  for await (const one of here.compute.virtualMachineScaleSetVMs.list(GROUP, 'agents', { expand: 'instanceView' })) {
    found.push({ id: one.instanceId ?? '', power: one.instanceView?.statuses?.[1]?.code });
  }
  return found;
}

describe('control routes', () => {
  it('lets an instance vanish: Azure lists it no more, the capacity is lower, and no event tells', async () => {
    const here = await deployed();
    await here.clock.advance(60_000);
    const before = here.delivered.length;
    const [one] = await listed(here);
    expect((await here.control('POST', `/_local/instances/demo/${one?.id}/vanish`)).status).toBe(200);
    await here.clock.advance(60_000);
    expect((await listed(here)).map(({ id }) => id)).not.toContain(one?.id);
    expect((await here.compute.virtualMachineScaleSets.get(GROUP, 'agents')).sku?.capacity).toBe(1);
    expect(here.delivered).toHaveLength(before);
  });

  it('shows a crashed instance as stopped, and a hung one as running', async () => {
    const here = await deployed();
    const [one, two] = await listed(here);
    await here.control('POST', `/_local/instances/demo/${one?.id}/crash`);
    await here.control('POST', `/_local/instances/demo/${two?.id}/hang`);
    expect((await listed(here)).map(({ power }) => power)).toEqual(['PowerState/stopped', 'PowerState/running']);
    expect(here.driver.calls.some((call) => call.startsWith('hang'))).toBe(true);
  });

  it('reaches masters by name', async () => {
    const here = await deployed();
    expect(await here.control('POST', '/_local/instances/demo/master0/crash')).toMatchObject({
      status: 200,
      body: { name: 'master0' },
    });
    expect((await here.compute.virtualMachines.instanceView(GROUP, 'master0')).statuses?.[1]?.code).toBe(
      'PowerState/stopped',
    );
  });

  it('lets a vanished master leave its network interface free, so that the same deployment brings it back', async () => {
    const here = await deployed();
    await here.control('POST', '/_local/instances/demo/master0/vanish');
    await expect(here.compute.virtualMachines.get(GROUP, 'master0')).rejects.toMatchObject({ statusCode: 404 });
    await here.finish(await here.resources.deployments.beginCreateOrUpdate(GROUP, 'cluster', { properties }));
    const masters = here.driver.booted.filter(({ name }) => name === 'master0');
    expect(new Set(masters.map(({ vmId }) => vmId)).size).toBe(2);
  });

  it('makes requests fail as often as asked, and no more after the faults are gone', async () => {
    const here = await deployed();
    const fault = {
      match: { method: 'GET', path: 'virtualMachineScaleSets' },
      times: 2,
      status: 503,
      code: 'ServiceUnavailable',
    };
    await here.control('POST', '/_local/faults', fault);
    const get = () => here.compute.virtualMachineScaleSets.get(GROUP, 'agents');
    await expect(get()).rejects.toMatchObject({ statusCode: 503 });
    await expect(get()).rejects.toMatchObject({ statusCode: 503 });
    await expect(get()).resolves.toBeDefined();
    await here.control('POST', '/_local/faults', { ...fault, times: undefined, dropConnection: true });
    await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await here.control('DELETE', '/_local/faults');
    await expect(get()).resolves.toBeDefined();
  });

  it('carries a request out and loses the answer to it', async () => {
    const here = await deployed();
    await here.control('POST', '/_local/faults', { match: { method: 'PUT' }, dropAnswer: true, times: 1 });
    const put = () => here.resources.resourceGroups.createOrUpdate('lost', { location: 'westeurope' });
    await expect(put()).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(here.resources.resourceGroups.get('lost')).resolves.toMatchObject({ location: 'westeurope' });
  });

  it.each(['$expand=instanceView', 'agents/virtualMachines?', '^/subscriptions/.+/virtualmachines\\?'])(
    'finds requests by %s',
    async (path) => {
      const here = await deployed();
      await here.control('POST', '/_local/faults', { match: { path }, status: 418 });
      await expect(listed(here)).rejects.toMatchObject({ statusCode: 418 });
      await expect(here.compute.virtualMachineScaleSets.get(GROUP, 'agents')).resolves.toBeDefined();
    },
  );

  it('counts requests by operation', async () => {
    const here = await deployed();
    await here.compute.virtualMachines.get(GROUP, 'master0');
    const { body } = await here.control<{ operations: Record<string, number> }>('GET', '/_local/requests');
    expect(body.operations['GET Microsoft.Compute/virtualMachines']).toBe(1);
  });

  it.each([
    ['POST', '/_local/faults', { match: 'x' }, 400, /match/],
    ['POST', '/_local/faults', { match: { path: '([' }, status: 500 }, 400, /regular expression/],
    ['POST', '/_local/faults', { match: {} }, 400, /status, code, delayMs, dropConnection, dropAnswer/],
    ['POST', '/_local/faults', { match: { method: 'FETCH' }, status: 500 }, 400, /method/],
    ['POST', '/_local/faults', { match: { verb: 'GET' }, status: 500 }, 400, /match/],
    ['POST', '/_local/faults', { match: {}, status: 9 }, 400, /status/],
    ['POST', '/_local/faults', { match: {}, dropAnswer: 'yes' }, 400, /dropAnswer/],
    ['POST', '/_local/faults', { match: {}, status: 500, times: 0 }, 400, /times/],
    ['POST', '/_local/faults', { match: {}, statuss: 500 }, 400, /statuss/],
    ['POST', '/_local/events', { mode: 'sometimes' }, 400, /mode/],
    ['POST', '/_local/events', { mode: 'drop', dropFraction: 2 }, 400, /dropFraction/],
    ['POST', '/_local/instances/demo/%E0%A4%A/crash', undefined, 404, /no machine/],
    ['POST', '/_local/state', undefined, 404, /control route/],
    ['POST', '/_local/capacity', { available: -1 }, 400, /available/],
    ['POST', '/_local/capacity', { size: 'Standard_Nope' }, 400, /size/],
    ['POST', '/_local/instances/demo/99/crash', undefined, 404, /99/],
    ['POST', '/_local/instances/demo/0/explode', undefined, 404, /explode/],
    ['POST', '/_local/scale-sets/none', { capacity: 1 }, 404, /none/],
    ['POST', '/_local/scale-sets/demo', { capacity: 'many' }, 400, /capacity/],
    ['GET', '/_local/nothing', undefined, 404, /control route/],
  ])('%s %s with %j is refused with %i and says why', async (method, path, body, status, reason) => {
    const answer = await cloud().control(method, path, body);
    expect(answer.status).toBe(status);
    expect(String((answer.body as { error: string }).error)).toMatch(reason);
  });
});
