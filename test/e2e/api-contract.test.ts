import { ROUTES, type Route } from '../../shared/routes';
import { attested, attestationOf, claimsOf } from '../support/attested';
import { Cluster, SPEC } from '../support/cluster';
import { addressesOf, send, type RawAnswer } from '../support/http';
import { OpenApi } from '../support/openapi';
import { startStarling, type Json, type Starling } from '../support/starling';

let starling: Starling;
let cluster: Cluster;
let api: OpenApi;
let key: string;
let deployment: string;

beforeAll(async () => {
  starling = await startStarling();
  key = addressesOf(starling).key;
  api = new OpenApi((await send(starling, 'GET', '/api/openapi.json')).body);
  cluster = new Cluster(starling, 'api');
  deployment = await cluster.begin('PUT', '', { ...SPEC, agents: { count: 1 } });
  const { state, error } = await starling.waitForOperation(deployment);
  expect({ state, error }).toEqual({ state: 'succeeded', error: null });
});
afterAll(() => starling?.stop());

/** What a reconcile that happens to look meanwhile leaves alone. */
const wishOf = ({ name, spec, operation }: Json): Json => ({ name, spec, operation });
const nameOf = ({ method, path }: Route): string => `${method} /api/${path}`;
const all = Object.values<Route>(ROUTES);

const parametersOf = (): Record<string, string> => ({
  c: 'api',
  id: deployment,
  name: 'web',
  location: 'westeurope',
});

/** Sends to a route, and holds the answer against the published document. */
async function call(
  route: Route,
  {
    params = {},
    query = '',
    body,
    withKey = true,
  }: { params?: Record<string, string>; query?: string; body?: unknown; withKey?: boolean } = {},
): Promise<RawAnswer> {
  const filled = route.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? parametersOf()[name] ?? '');
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await send(starling, route.method, `/api/${filled}${query}`, {
    body: text,
    ...(withKey ? { key } : {}),
  });
  expect(api.faultsOf(nameOf(route), answer)).toEqual([]);
  return answer;
}

describe('the published document', () => {
  it('is OpenAPI 3.1 with every path parameter declared and no operation id twice', () => {
    const { document } = api;
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(document.servers).toEqual([{ url: addressesOf(starling).appUrl }]);
    const ids = api.operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(all.length);
    for (const { name, path, operation } of api.operations()) {
      const parameters: Json[] = operation.parameters ?? [];
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect([name, inPath.map((parameter) => [parameter.name, parameter.required])]).toEqual([
        name,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => [parameter, true]),
      ]);
      for (const parameter of parameters)
        expect(parameter).toMatchObject({ in: expect.stringMatching(/^(path|query)$/), schema: expect.anything() });
      for (const scheme of operation.security.flatMap(Object.keys))
        expect(document.components.securitySchemes).toHaveProperty(scheme);
      for (const response of Object.values<Json>(operation.responses)) expect(response.description).toMatch(/./);
    }
  });

  it('has only schemas of JSON Schema 2020-12, and no reference that leads nowhere', () => {
    let schemas = 0;
    const visit = (value: unknown, pointer: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, child] of Object.entries(value)) {
        const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        if (name !== 'schema') visit(child, at);
        else schemas += api.check(at, null).length + 1; // compiling it is the test
      }
    };
    visit(api.document, '');
    expect(schemas).toBeGreaterThan(all.length);
  });
});

describe('every route answers as published', () => {
  const gets = all.filter(({ method }) => method === 'GET');

  test.each(gets.map((route) => [nameOf(route), route] as const))('%s', async (_, route) => {
    const answer = await call(route, { query: route.name === 'getLogs' ? '?node=master0' : '' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  const bodies: Record<string, unknown> = {
    putCluster: { ...SPEC, agents: { count: 2 } },
    scaleAgents: { agents: 0 },
    putHalt: { halted: true, reason: 'a preview' },
    resize: { size: 'Standard_B2ms' },
    upgrade: { version: 'v1.36.3+k3s1' },
    repair: { node: 'master0' },
    putWorkload: { kind: 'replicated', replicas: 2 },
    scaleWorkload: { replicas: 2 },
  };
  /** On a cluster with one master and without workloads. */
  const refusals: Record<string, string> = {
    repair: 'QUORUM_AT_RISK',
    scaleWorkload: 'WORKLOAD_NOT_FOUND',
    deleteWorkload: 'WORKLOAD_NOT_FOUND',
  };
  const previewable = all.filter(({ query }) => query?.['whatIf']);

  test.each(previewable.map((route) => [nameOf(route), route] as const))(
    '%s?whatIf=true does nothing',
    async (_, route) => {
      const world = async (): Promise<unknown> => ({
        clusters: (await send(starling, 'GET', '/api/clusters', { key })).body.clusters.map(wishOf),
        events: (await cluster.events()).filter(({ cause }) => cause === 'operator'),
        halt: (await send(starling, 'GET', '/api/halt', { key })).body,
        groups: (await starling.control('GET', '/_local/state')).resourceGroups,
      });
      const before = await world();
      const answer = await call(route, { query: '?whatIf=true', body: bodies[route.name] });
      const refusal = refusals[route.name];
      if (refusal) expect(answer.body).toMatchObject({ code: refusal });
      else expect(answer.status).toBe(200);
      if (route.name !== 'cancelOperation' && !refusal)
        // this one has ended, so the answer is the operation itself
        expect(answer.body).toMatchObject({ whatIf: true, would: expect.arrayContaining([expect.any(String)]) });
      expect(await world()).toEqual(before);
    },
  );

  it('previews a cluster that does not exist without making it', async () => {
    const { body } = await call(ROUTES.putCluster, { params: { c: 'preview' }, query: '?whatIf=true', body: SPEC });
    expect(body).toMatchObject({ whatIf: true, verb: 'deploy' });
    expect((await call(ROUTES.getCluster, { params: { c: 'preview' } })).status).toBe(404);
  });

  it('pulls and releases the lever', async () => {
    const pulled = await call(ROUTES.putHalt, { body: { halted: true, reason: 'a test' } });
    expect(pulled.body).toEqual({ halted: true, reason: 'a test', since: expect.any(String) });
    expect((await call(ROUTES.getHalt)).body).toEqual(pulled.body);
    await call(ROUTES.putHalt, { body: { halted: false, reason: '' } });
    expect((await call(ROUTES.getHalt)).body).toMatchObject({ halted: false });
  });

  it('takes limits and policies at once, and answers with the cluster', async () => {
    const body = { ...SPEC, agents: { count: 1, max: 20 }, drift: 'adopt' };
    const answer = await call(ROUTES.putCluster, { body });
    expect(answer).toMatchObject({
      status: 200,
      body: { spec: { drift: 'adopt', agents: { count: 1, max: 20 } }, operation: null },
    });
    await call(ROUTES.putCluster, { body: { ...SPEC, agents: { count: 1 } } });
  });

  it('pages events by time and by id, oldest first', async () => {
    const events = (await call(ROUTES.listEvents, { query: '?limit=1000' })).body.events as {
      id: string;
      at: string;
    }[];
    const first = (await call(ROUTES.listEvents, { query: '?limit=2' })).body.events;
    expect(first).toEqual(events.slice(0, 2));
    const next = (await call(ROUTES.listEvents, { query: `?limit=2&since=${encodeURIComponent(first[1].id)}` })).body
      .events;
    expect(next).toEqual(events.slice(2, 4));
    const later = (await call(ROUTES.listEvents, { query: `?since=${events.at(-1)!.at}` })).body.events;
    expect(later.length).toBeLessThan(events.length);
  });

  it('refuses an attested call with a problem document', async () => {
    const claims = claimsOf('api', '0');
    const body = { claims, attestation: await attestationOf(starling, 'api', '0', { claims, forge: 'signature' }) };
    for (const route of [ROUTES.join, ROUTES.leave]) {
      const answer = await call(route, { body, withKey: false });
      expect(answer).toMatchObject({ status: 401, body: { code: 'ATTESTATION_SIGNATURE' } });
    }
    const withoutEngine = await call(ROUTES.ready, { body, withKey: false });
    expect(withoutEngine).toMatchObject({ status: 400, body: { code: 'CLAIMS_MALFORMED' } });
  });

  it('takes a farewell without a key', async () => {
    const [agent] = await cluster.agents();
    const body = await attested(starling, 'api', agent!.instanceId);
    expect(await call(ROUTES.leave, { body, withKey: false })).toMatchObject({ status: 200, body: { accepted: true } });
  });
});

describe('operations', () => {
  it('run one at a time per cluster: a second is told which one runs, until it is cancelled', async () => {
    const first = await call(ROUTES.scaleAgents, { body: { agents: 3 } });
    expect(first.status).toBe(202);
    const { id } = first.body;
    expect(first.headers.get('location')).toBe(`/api/operations/${id}`);
    const second = await call(ROUTES.scaleAgents, { body: { agents: 2 } });
    expect(second).toMatchObject({ status: 409, body: { code: 'OPERATION_IN_PROGRESS', operation: id } });
    expect((await call(ROUTES.putCluster, { body: { ...SPEC, agents: { count: 2 } } })).status).toBe(409);
    const preview = await call(ROUTES.cancelOperation, { params: { id }, query: '?whatIf=true' });
    expect(preview).toMatchObject({ status: 200, body: { whatIf: true, verb: 'cancel' } });

    const cancelled = await call(ROUTES.cancelOperation, { params: { id } });
    expect(cancelled).toMatchObject({ status: 202, body: { id, state: 'running' } });
    expect(await starling.waitForOperation(id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect(await call(ROUTES.cancelOperation, { params: { id } })).toMatchObject({
      status: 200,
      body: { state: 'cancelled' },
    });
  });

  it('end with a certificate when the cluster is destroyed, and its events stay', async () => {
    const answer = await call(ROUTES.deleteCluster);
    expect(answer.status).toBe(202);
    expect(await call(ROUTES.deleteCluster)).toMatchObject({ status: 409, body: { operation: answer.body.id } });
    expect(await call(ROUTES.cancelOperation, { params: { id: answer.body.id } })).toMatchObject({ status: 409 });
    const { result } = await starling.waitForOperation(answer.body.id);
    expect(result.certificate).toMatchObject({ cluster: 'api', checked: { remaining: 0 }, kept: [] });
    expect((await call(ROUTES.getOperation, { params: { id: answer.body.id } })).body.state).toBe('succeeded');
    expect((await call(ROUTES.listEvents)).status).toBe(200);
    for (const route of [
      ROUTES.getCluster,
      ROUTES.listNodes,
      ROUTES.listEndpoints,
      ROUTES.getTemplate,
      ROUTES.getDeployment,
      ROUTES.deleteCluster,
    ])
      expect(await call(route)).toMatchObject({ status: 404, body: { code: 'CLUSTER_NOT_FOUND' } });
  });
});
