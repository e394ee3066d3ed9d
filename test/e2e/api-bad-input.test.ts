import { mayBeEmpty } from '../../functions/respond';
import { ROUTES, type Route } from '../../shared/routes';
import { SPEC } from '../support/cluster';
import { addressesOf, send, type RawAnswer } from '../support/http';
import { OpenApi } from '../support/openapi';
import { startStarling, type Json, type Starling } from '../support/starling';

let starling: Starling;
let key: string;
let api: OpenApi;

beforeAll(async () => {
  starling = await startStarling();
  key = addressesOf(starling).key;
  api = new OpenApi((await send(starling, 'GET', '/api/openapi.json')).body);
});

/** Nothing of all this was accepted. */
afterAll(async () => {
  try {
    expect((await send(starling, 'GET', '/api/clusters', { key })).body).toEqual({ clusters: [] });
    expect((await starling.control('GET', '/_local/state')).resourceGroups).toEqual([]);
  } finally {
    await starling?.stop();
  }
});

const PUT = 'PUT /api/clusters/{c}';
const SCALE = 'POST /api/clusters/{c}/scale';

/** Sends `PUT /api/clusters/{c}` and the like, and expects a problem as published. */
async function refused(
  name: string,
  body: string | undefined,
  { cluster = 'bad', query = '' } = {},
): Promise<RawAnswer> {
  const [method = '', path = ''] = name.split(' ');
  const answer = await send(starling, method, filled(path, cluster) + query, { key, body });
  expect(api.faultsOf(name, answer)).toEqual([]);
  expect(answer.contentType).toMatch(/^application\/problem\+json/);
  return answer;
}
const PARAMETERS: Record<string, string> = { id: 'none', name: 'web', location: 'westeurope' };
const filled = (path: string, cluster: string): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => PARAMETERS[name] ?? cluster);

/** A body that a route takes, and a query where it needs one. */
const GOOD: Partial<Record<keyof typeof ROUTES, { body?: object; query?: string }>> = {
  scaleAgents: { body: { agents: 3 } },
  resize: { body: { size: 'Standard_B2s' } },
  upgrade: { body: { version: 'v1.36.3+k3s1' } },
  repair: { body: { node: 'master0' } },
  putWorkload: { body: { kind: 'monitor' } },
  scaleWorkload: { body: { replicas: 1 } },
  getLogs: { query: '?node=master0' },
};

const fieldsOf = ({ body }: RawAnswer): string[] =>
  [...new Set<string>(body.errors.map(({ field }: Json) => field))].sort();

describe('a body', () => {
  const bodies = Object.values<Route>(ROUTES).filter(({ body }) => body);
  const names = bodies.map(({ method, path }) => `${method} /api/${path}`);

  describe.each(names)('of %s', (name) => {
    test.each([
      ['that is missing', undefined],
      ['that is empty', ''],
    ])('%s is refused, unless every field may be left out', async (_, text) => {
      const isEnough = mayBeEmpty(bodies[names.indexOf(name)]!.body!);
      const refusal = isEnough
        ? { status: 404, body: { code: 'CLUSTER_NOT_FOUND' } }
        : { status: 400, body: { code: 'BODY_NOT_JSON' } };
      expect(await refused(name, text)).toMatchObject(refusal);
    });

    test.each([
      ['that is no JSON', '{"engine": k3s}'],
      ['that breaks off', '{"engine":"k3s"'],
      ['that is not text', '\u0000\u0001\ufffd'],
    ])('%s is refused', async (_, text) => {
      expect(await refused(name, text)).toMatchObject({ status: 400, body: { code: 'BODY_NOT_JSON' } });
    });

    test.each(['null', '[]', '1', '"text"', 'true'])('that is %s is refused', async (text) => {
      const answer = await refused(name, text);
      expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
      expect(fieldsOf(answer)).toEqual(['body']);
    });

    it('with a field that nobody knows is refused, and the field named', async () => {
      expect(fieldsOf(await refused(name, '{"colour":"blue","__proto__":{"x":1}}'))).toEqual(
        expect.arrayContaining(['colour', '__proto__']),
      );
    });

    it('of more than its limit is refused', async () => {
      const limit = bodies[names.indexOf(name)]!.maxBodyBytes ?? 64 * 1024;
      const answer = await refused(name, JSON.stringify({ engine: 'k3s', text: 'x'.repeat(limit) }));
      expect(answer).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
    });

    it('that is nested a thousand times deep is refused', async () => {
      expect((await refused(name, '['.repeat(1000) + ']'.repeat(1000))).status).toBe(400);
    });
  });
});

describe('a spec', () => {
  const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG0 somebody';
  test.each<[what: string, fields: string[], spec: object]>([
    ['without engine and location', ['engine', 'location'], { engine: undefined, location: undefined }],
    ['with an engine that nobody knows', ['engine'], { engine: 'nomad' }],
    ['with text for a number', ['agents.count'], { agents: { count: '3' } }],
    ['with a number for an object', ['agents', 'masters'], { agents: 3, masters: 1 }],
    ['with null for an object', ['agents'], { agents: null }],
    [
      'with SSH on a port of the engine',
      ['ssh.port'],
      { ssh: { publicKey: KEY, port: 6443, from: ['203.0.113.7/32'] } },
    ],
    [
      'with unknown fields deep inside',
      ['agents.colour', 'storage.size'],
      { agents: { colour: 1 }, storage: { size: 1 } },
    ],
    ['with two masters', ['masters.count'], { masters: { count: 2 } }],
    ['with no master', ['masters.count'], { masters: { count: 0 } }],
    ['with seven masters', ['masters.count'], { masters: { count: 7 } }],
    ['with fewer than no agents', ['agents.count'], { agents: { count: -1 } }],
    ['with more agents than a scale set holds', ['agents.count', 'agents.max'], { agents: { count: 1001, max: 1001 } }],
    ['with half an agent', ['agents.count'], { agents: { count: 1.5 } }],
    ['with more agents than its own limit', ['agents.count'], { agents: { count: 11 } }],
    ['with fewer agents than its own limit', ['agents.count'], { agents: { count: 1, min: 2 } }],
    ['with limits the wrong way round', ['agents.count', 'agents.min'], { agents: { min: 8, max: 2 } }],
    ['with no room at all', ['agents.max'], { agents: { count: 0, max: 0 } }],
    ['with a disk too small for the image', ['agents.diskGiB'], { agents: { diskGiB: 29 } }],
    ['with a disk larger than Azure has', ['agents.diskGiB'], { agents: { diskGiB: 4096 } }],
    ['with a price of nothing', ['agents.maxPrice'], { agents: { maxPrice: 0 } }],
    [
      'with thresholds the wrong way round',
      ['agents.autoscale'],
      { agents: { autoscale: { cpuAbovePercent: 10, cpuBelowPercent: 80 } } },
    ],
    [
      'with sizes that are none',
      ['agents.size', 'masters.size'],
      { agents: { size: 'big' }, masters: { size: 'Standard_' } },
    ],
    ['with a version that is none', ['version'], { version: 'latest' }],
    ['with a location that is none', ['location'], { location: 'West Europe' }],
    [
      'with addresses that are none',
      ['ingress.from.0', 'ingress.from.1', 'ingress.from.2'],
      { ingress: { from: ['10.0.0.0/33', '300.1.1.1', 'anywhere'] } },
    ],
    ['with a key that is none', ['ssh.publicKey'], { ssh: { publicKey: 'secret', from: ['*'] } }],
    ['with a key of two lines', ['ssh.publicKey'], { ssh: { publicKey: `${KEY}\n${KEY}`, from: ['*'] } }],
    ['with ssh for nobody on no port', ['ssh.from', 'ssh.port'], { ssh: { publicKey: KEY, port: 0, from: [] } }],
    ['with a share whose name Azure refuses', ['storage.shares.0'], { storage: { shares: ['Data'] } }],
    ['with a path that leads nowhere', ['storage.mountAt'], { storage: { mountAt: 'srv' } }],
    [
      'with a schedule and a zone that are none',
      ['chaos.schedule', 'chaos.timeZone'],
      { chaos: { schedule: 'daily', timeZone: 'Mars' } },
    ],
    ['with a policy that is none', ['drift'], { drift: 'ignore' }],
  ])('%s is refused, and every bad field named', async (_, fields, change) => {
    const answer = await refused(PUT, JSON.stringify({ ...SPEC, ...change }));
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(fieldsOf(answer)).toEqual(fields);
    for (const field of fields) expect(answer.body.detail).toContain(field);
  });

  it.each([
    ['a version of k3s for Docker Swarm', { engine: 'swarm', version: 'v1.36.2+k3s1' }, 'Docker Swarm such as 29.'],
    ['a version of Docker for k3s', { engine: 'k3s', version: '29.7.2' }, 'k3s such as v1.'],
  ])('with %s is refused, and told what would be one', async (_, change, example) => {
    const answer = await refused(PUT, JSON.stringify({ ...SPEC, ...change }));
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(fieldsOf(answer)).toEqual(['version']);
    expect(answer.body.detail).toContain(example);
  });

  it('is checked as well when it is only previewed', async () => {
    const answer = await refused(PUT, JSON.stringify({ ...SPEC, masters: { count: 2 } }), { query: '?whatIf=true' });
    expect(fieldsOf(answer)).toEqual(['masters.count']);
  });
});

describe('a verb', () => {
  const verb = (path: string): string => `POST /api/clusters/{c}/${path}`;
  const WORKLOAD = 'PUT /api/clusters/{c}/workloads/{name}';
  test.each<[name: string, fields: string[], body: object]>([
    [verb('start'), ['nodes'], { nodes: [] }],
    [verb('start'), ['nodes'], { nodes: 'agents-0' }],
    [verb('start'), ['nodes.0', 'nodes.1'], { nodes: ['Agents 0', '../x'] }],
    [verb('stop'), ['deallocate'], { deallocate: 'yes' }],
    [verb('restart'), ['nodes.0'], { nodes: [0] }],
    [verb('reimage'), ['order'], { order: 'random' }],
    [verb('resize'), ['size'], { size: 'large' }],
    [verb('resize'), ['size'], {}],
    [verb('upgrade'), ['version'], { version: 'latest' }],
    [verb('repair'), ['node'], { node: 'agents-0' }],
    [verb('repair'), ['node'], { node: 'master5' }],
    [verb('rebalance'), ['nodes'], { nodes: ['0'] }],
    [verb('tokens/rotate'), ['force'], { force: true }],
    [SCALE, ['reclaim'], { agents: 1, reclaim: 'burn' }],
    [verb('chaos'), ['fraction'], { count: 1, fraction: 0.5 }],
    [verb('chaos'), ['action', 'concurrency', 'count', 'seed'], { action: 'burn', count: 0, seed: -1, concurrency: 0 }],
    [WORKLOAD, ['kind'], { kind: 'job' }],
    [WORKLOAD, ['manifest'], { kind: 'manifest' }],
    [WORKLOAD, ['manifest', 'replicas'], { kind: 'monitor', replicas: 2, manifest: 'kind: Pod' }],
    [verb('workloads/{name}/scale'), ['replicas'], { replicas: -1 }],
  ])('%s is refused, and %j named', async (name, fields, body) => {
    const answer = await refused(name, JSON.stringify(body));
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(fieldsOf(answer)).toEqual(fields);
  });
});

describe('a location', () => {
  test.each(['West%20Europe', 'ab', '..%2F..%2Fhealth', "'%20or%201"])('%s is refused', async (location) => {
    for (const list of ['sizes', 'images']) {
      const answer = await send(starling, 'GET', `/api/locations/${location}/${list}`, { key });
      expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
      expect(fieldsOf(answer)).toEqual(['location']);
    }
  });
});

describe('a name', () => {
  const LONGEST = 'a'.repeat(24);
  test.each([
    ['with capitals', 'Demo'],
    ['too short', 'ab'],
    ['too long', `${LONGEST}a`],
    ['much too long', 'a'.repeat(2000)],
    ['that starts with a digit', '1demo'],
    ['that ends with a hyphen', 'demo-'],
    ['with a path in it', '..%2F..%2Fhealth'],
    ['with an encoded dot', '%2e%2e%2fdemo'],
    ['with a backslash', 'demo%5C..'],
    ['with a null character', 'demo%00'],
    ['with a line break', 'demo%0A'],
    ['with a quote', "demo'%20or%20'1'%20eq%20'1"],
    ['in another script', '%D0%B4%D0%B5%D0%BC%D0%BE'],
    ['with a space', 'de%20mo'],
  ])('%s is refused', async (_, name) => {
    for (const [route, body] of [
      [PUT, SPEC],
      ['GET /api/clusters/{c}', undefined],
      [SCALE, { agents: 1 }],
    ] as const) {
      const answer = await refused(route, body && JSON.stringify(body), { cluster: name });
      expect(answer.status).toBe(400);
      expect(fieldsOf(answer)).toEqual(['c']);
    }
  });

  it('may have 24 characters', async () => {
    const path = `/api/clusters/${LONGEST}?whatIf=true`;
    expect((await send(starling, 'PUT', path, { key, body: JSON.stringify(SPEC) })).status).toBe(200);
  });
});

describe('a query', () => {
  test.each([
    ['GET /api/clusters', '?colour=blue', 'colour'],
    ['GET /api/clusters/{c}', '?whatIf=true', 'whatIf'],
    [PUT, '?whatif=true', 'whatif'],
    [PUT, '?whatIf=yes', 'whatIf'],
    [PUT, '?whatIf=true&whatIf=false', 'whatIf'],
    ['DELETE /api/clusters/{c}', '?storage=burn', 'storage'],
    [PUT, '?only=compute', 'only'],
    ['GET /api/clusters/{c}/operations', '?limit=0', 'limit'],
    ['GET /api/clusters/{c}/logs', '', 'node'],
    ['GET /api/clusters/{c}/logs', '?node=master0&unit=sshd', 'unit'],
    ['GET /api/clusters/{c}/logs', '?node=master0&unit=k3s%3Breboot', 'unit'],
    ['GET /api/clusters/{c}/logs', '?node=master0&lines=1001', 'lines'],
    ['GET /api/clusters/{c}/kubeconfig', '?hours=25', 'hours'],
    ['POST /api/clusters/{c}/stop', '?whatIf=1', 'whatIf'],
    ['GET /api/clusters/{c}/events', '?limit=0', 'limit'],
    ['GET /api/clusters/{c}/events', '?limit=1001', 'limit'],
    ['GET /api/clusters/{c}/events', '?limit=many', 'limit'],
    ['GET /api/clusters/{c}/events', '?limit=', 'limit'],
    ['GET /api/clusters/{c}/events', `?since=${'x'.repeat(201)}`, 'since'],
  ])('%s%s is refused, and %s named', async (name, query, field) => {
    const answer = await refused(name, name === PUT ? JSON.stringify(SPEC) : undefined, { query });
    expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
    expect(fieldsOf(answer)).toEqual([field]);
  });
});

describe('what is not there', () => {
  const OF_A_CLUSTER = Object.values<Route>(ROUTES).filter(
    ({ path, auth, name }) => path.includes('{c}') && auth === 'key' && name !== 'putCluster',
  );

  test.each(
    OF_A_CLUSTER.map(
      ({ name, method, path }) => [`${method} /api/${path}`, GOOD[name as keyof typeof ROUTES] ?? {}] as const,
    ),
  )('%s is 404', async (name, { body, query }) => {
    expect(await refused(name, body && JSON.stringify(body), { query })).toMatchObject({
      status: 404,
      body: { code: 'CLUSTER_NOT_FOUND' },
    });
  });

  test.each(['GET /api/operations/{id}', 'DELETE /api/operations/{id}'])('%s is 404', async (name) => {
    expect(await refused(name, undefined)).toMatchObject({ status: 404, body: { code: 'OPERATION_NOT_FOUND' } });
  });

  test.each(['join', 'ready', 'leave'])(
    '%s of an unknown cluster is 404, with no word about the attestation',
    async (route) => {
      const answer = await refused(`POST /api/clusters/{c}/${route}`, '{"claims":"{}","attestation":"x"}');
      expect(answer).toMatchObject({ status: 404, body: { code: 'CLUSTER_NOT_FOUND' } });
    },
  );

  test.each(["none'", '..%2f..', '%00', 'a.b.c.d', 'x'.repeat(500), 'demo.scale'])(
    'operation %j is 404',
    async (id) => {
      expect((await send(starling, 'GET', `/api/operations/${id}`, { key })).status).toBe(404);
    },
  );

  test.each([
    ['PATCH', '/api/clusters/demo'],
    ['POST', '/api/clusters'],
    ['DELETE', '/api/clusters'],
    ['GET', '/api/clusters/demo/join'],
    ['POST', '/api/health'],
    ['GET', '/api/clusters/demo/start'],
    ['PUT', '/api/clusters/demo/restart'],
    ['POST', '/api/clusters/demo/logs'],
    ['POST', '/api/locations'],
    ['GET', '/api/clusters/demo/tokens/rotate'],
    ['GET', '/api/clusters/demo/secrets'],
    ['GET', '/api/clusters/%E0%A4%A'],
  ])('%s %s is no route', async (method, path) => {
    const { status } = await send(starling, method, path, { key });
    expect([400, 404, 405]).toContain(status);
  });
});

describe('the key', () => {
  const WITH_KEY = Object.values<Route>(ROUTES).filter(({ auth }) => auth === 'key');
  const paths = WITH_KEY.map(({ method, path }) => [method, `/api/${path}`] as const);

  test.each(paths)('%s %s is 401 without one and with a wrong one', async (method, path) => {
    for (const wrong of [undefined, '', 'x', 'x'.repeat(10_000)]) {
      const answer = await send(starling, method, filled(path, 'demo'), {
        key: wrong,
        body: method === 'GET' ? undefined : 'no JSON',
      });
      expect(answer.status).toBe(401);
      expect(api.faultsOf(`${method} ${path}`, answer)).toEqual([]);
    }
  });

  it('may also stand in the address', async () => {
    expect((await send(starling, 'GET', `/api/clusters?code=${encodeURIComponent(key)}`)).status).toBe(200);
    expect((await send(starling, 'GET', '/api/clusters?code=x')).status).toBe(401);
  });
});
