import { interpolate } from '../../shared/engines/swarm/workloads/compose/interpolate';
import { readCompose } from '../../shared/engines/swarm/workloads/compose/read';
import { bytes, nanoseconds, words } from '../../shared/engines/swarm/workloads/compose/scalars';
import { planOf, type Plan } from '../../shared/engines/swarm/workloads/plan';

/** An operator's own Compose file, from its text to what Swarm is asked for. */

function planned(manifest: string): Plan {
  const read = readCompose(manifest);
  if (!read.ok) throw new Error(read.message);
  const made = planOf({ name: 'shop', kind: 'manifest', mark: 'op-1' }, read.file);
  if (!made.ok) throw new Error(made.message);
  return made.plan;
}

function whyRefused(manifest: string): string {
  try {
    planned(manifest);
    return 'nothing is refused';
  } catch (error) {
    return (error as Error).message;
  }
}

/** One service `web` with these fields. */
const web = (fields: string, more = ''): string => `services: { web: { image: 'a/b:1', ${fields} } }\n${more}`;
const service = (fields: string, more = '') => planned(web(fields, more)).services[0]!;
const container = (fields: string, more = '') => service(fields, more).TaskTemplate.ContainerSpec!;

test('a file as people write them becomes what docker stack deploy would make of it', () => {
  const { services, networks } = planned(`
version: '3.8'
x-common: &common
  deploy: { restart_policy: { condition: on-failure, delay: 5s, max_attempts: 3, window: 2m } }
services:
  web:
    <<: *common
    image: example.org/web:1.2
    command: serve --title "a b" --quiet
    environment: [LEVEL=debug, 'EMPTY=']
    labels: { team: blue }
    ports: ['80:8080', { target: 53, published: 5353, protocol: udp, mode: host }]
    networks: { front: { aliases: [www] }, theirs: }
    volumes: [files:/files:ro, /srv/data/shop:/data]
    healthcheck: { test: curl -f localhost, interval: 10s, retries: 2 }
    stop_grace_period: 1m30s
    user: 1000
    read_only: true
    init: true
    cap_drop: [ALL]
  worker:
    image: example.org/worker:1.2
    deploy:
      mode: global
      labels: [tier=back]
      endpoint_mode: dnsrr
      placement: { constraints: ['node.labels.disk == ssd'], preferences: [{ spread: node.labels.zone }], max_replicas_per_node: 2 }
      resources: { limits: { cpus: '0.5', memory: 64M, pids: 50 }, reservations: { memory: 32M } }
      update_config: { parallelism: 2, delay: 10s, failure_action: continue, monitor: 5s, max_failure_ratio: 0.1, order: start-first }
networks:
  front: { attachable: true, driver_opts: { encrypted: '' } }
  theirs: { external: true, name: common }
volumes:
  files: { driver_opts: { type: nfs } }
`);
  const labels = { 'com.docker.stack.namespace': 'shop', 'starling.workload': 'shop' };
  const onServices = { ...labels, 'starling.kind': 'manifest', 'starling.mark': 'op-1', 'starling.parts': '2' };
  expect(networks).toEqual([
    expect.objectContaining({ Name: 'shop_default', Attachable: false }),
    expect.objectContaining({
      Name: 'shop_front',
      Driver: 'overlay',
      Attachable: true,
      Options: { encrypted: '' },
      Labels: { ...labels, 'starling.kind': 'manifest' },
    }),
  ]);
  expect(services[0]).toMatchObject({
    Name: 'shop_web',
    Labels: onServices,
    Mode: { Replicated: { Replicas: 1 } },
    EndpointSpec: {
      Mode: 'vip',
      Ports: [
        { Protocol: 'tcp', TargetPort: 8080, PublishedPort: 80, PublishMode: 'ingress' },
        { Protocol: 'udp', TargetPort: 53, PublishedPort: 5353, PublishMode: 'host' },
      ],
    },
    TaskTemplate: {
      Networks: [
        { Target: 'shop_front', Aliases: ['web', 'www'] },
        { Target: 'common', Aliases: ['web'] },
      ],
      RestartPolicy: { Condition: 'on-failure', Delay: 5e9, MaxAttempts: 3, Window: 120e9 },
      ContainerSpec: {
        Image: 'example.org/web:1.2',
        Args: ['serve', '--title', 'a b', '--quiet'],
        Env: ['LEVEL=debug', 'EMPTY='],
        Labels: { team: 'blue', ...labels },
        HealthCheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 10e9, Retries: 2 },
        StopGracePeriod: 90e9,
        User: '1000',
        ReadOnly: true,
        Init: true,
        CapabilityDrop: ['ALL'],
        Mounts: [
          {
            Type: 'volume',
            Source: 'shop_files',
            Target: '/files',
            ReadOnly: true,
            VolumeOptions: { Labels: labels, DriverConfig: { Name: 'local', Options: { type: 'nfs' } } },
          },
          { Type: 'bind', Source: '/srv/data/shop', Target: '/data', ReadOnly: false },
        ],
      },
    },
  });
  expect(services[1]).toMatchObject({
    Labels: { ...onServices, tier: 'back' },
    Mode: { Global: {} },
    EndpointSpec: { Mode: 'dnsrr', Ports: [] },
    UpdateConfig: {
      Parallelism: 2,
      Delay: 10e9,
      FailureAction: 'continue',
      Monitor: 5e9,
      MaxFailureRatio: 0.1,
      Order: 'start-first',
    },
    TaskTemplate: {
      Networks: [{ Target: 'shop_default', Aliases: ['worker'] }],
      Placement: {
        Constraints: ['node.labels.disk == ssd'],
        Preferences: [{ Spread: { SpreadDescriptor: 'node.labels.zone' } }],
        MaxReplicas: 2,
      },
      Resources: {
        Limits: { NanoCPUs: 5e8, MemoryBytes: 64 * 1024 ** 2, Pids: 50 },
        Reservations: { MemoryBytes: 32 * 1024 ** 2 },
      },
    },
  });
});

test('the network of a node itself is used without names of its own, and nothing is made for it', () => {
  const text = web('networks: [host]', 'networks: { host: { external: true } }');
  expect(planned(text)).toMatchObject({
    networks: [],
    services: [{ TaskTemplate: { Networks: [{ Target: 'host' }] } }],
  });
  expect(
    service('networks: [host]', 'networks: { host: { external: true } }').TaskTemplate.Networks?.[0],
  ).not.toHaveProperty('Aliases');
});

test('what Starling writes on services and containers cannot be taken for somebody else’s', () => {
  const made = service('labels: { starling.workload: other }, deploy: { labels: { starling.kind: monitor } }');
  expect(made.Labels).toMatchObject({ 'starling.kind': 'manifest', 'starling.workload': 'shop' });
  expect(made.TaskTemplate.ContainerSpec?.Labels).toMatchObject({ 'starling.workload': 'shop' });
});

test.each([
  ['no YAML', 'services: {', /^manifest: document 1 \(line 1\): /],
  ['an object of Kubernetes', 'apiVersion: v1\nkind: Pod\n', /^manifest: needs services: it is a Compose file/],
  ['two documents', `${web('')}\n---\n${web('')}`, /document 2 .*: a Compose file is one document/],
  ['no service', 'services: {}', /services has 0 services/],
  ['no image', 'services: { web: {} }', /^manifest: services\.web\.image is not valid/],
  [
    'a privileged service',
    web('privileged: true'),
    /^manifest: services\.web\.privileged is not understood: Swarm runs nothing privileged$/,
  ],
  ['a build', web('build: .'), /services\.web\.build is not understood: images are built elsewhere/],
  ['secrets', web('secrets: [a]'), /services\.web\.secrets is not understood/],
  ['an unknown part', `${web('')}\nincludes: []`, /^manifest: includes is not understood$/],
  [
    'a part of deploy',
    web('deploy: { rollback_config: {} }'),
    /services\.web\.deploy\.rollback_config is not understood/,
  ],
  [
    'a rollback',
    web('deploy: { update_config: { failure_action: rollback } }'),
    /services\.web\.deploy\.update_config\.failure_action is not valid/,
  ],
  ['a job', web('deploy: { mode: global-job }'), /services\.web\.deploy\.mode is not valid/],
  ['replicas of a global service', web('deploy: { mode: global, replicas: 2 }'), /services\.web has deploy\.replicas/],
  [
    'a constraint with a slash',
    web("deploy: { placement: { constraints: ['node.labels.a/b==c'] } }"),
    /constraints\.0 compares node\.labels\.a\/b/,
  ],
  [
    'a constraint without sense',
    web("deploy: { placement: { constraints: ['node.color==red'] } }"),
    /constraints\.0 compares node\.color, which is nothing/,
  ],
  ['an address of a port', web("ports: ['127.0.0.1:80:80']"), /services\.web\.ports\.0 names an address/],
  ['a range of ports', web("ports: ['80-90:80-90']"), /ports\.0 is a range/],
  ['a port beyond all', web("ports: ['80:70000']"), /ports\.0 has the port 70000/],
  ['Starling’s own door', web("ports: ['2376:80']"), /services\.web\.ports\.0 publishes 2376\/tcp/],
  ['the port of gossip', web('ports: [{ target: 1, published: 7946, protocol: udp, mode: host }]'), /7946\/udp/],
  ['a foreign field of a port', web('ports: [{ target: 80, host_ip: 127.0.0.1 }]'), /ports\.0 has host_ip/],
  [
    'a port twice',
    "services: { a: { image: a, ports: ['80:1'] }, b: { image: b, ports: ['80:2'] } }",
    /services publish the port 80\/tcp more than once/,
  ],
  ['a file beside it', web("volumes: ['./conf:/conf']"), /volumes\.0 names a file beside the manifest/],
  ['a nameless volume', web("volumes: ['/data']"), /volumes\.0 has no name/],
  ['an unknown volume', web("volumes: ['data:/data']"), /services\.web names the volume data, which is not in volumes/],
  ['an unknown network', web('networks: [back]'), /services\.web names the network back, which is not in networks/],
  ['a bridge', web('networks: [a]', 'networks: { a: { driver: bridge } }'), /networks\.a\.driver is not valid/],
  [
    'a renamed network',
    web('networks: [a]', 'networks: { a: { name: b } }'),
    /networks\.a\.name is for networks with external/,
  ],
  ['an environment to inherit', web('environment: [HOME]'), /environment has HOME without a value/],
  [
    'a name that Swarm refuses',
    'services: { web.front: { image: a } }',
    /services\.web\.front has a name that Swarm does not take/,
  ],
  ['a long name', `services: { ${'w'.repeat(60)}: { image: a } }`, /longer than 63 characters/],
  ['a time without unit', web('stop_grace_period: 10'), /stop_grace_period must be a time such as 10s/],
])('a file with %s is refused, and the reason names the place', (_, manifest, why) => {
  expect(whyRefused(manifest)).toMatch(why);
});

test('of many mistakes three are named', () => {
  const why = whyRefused(web('build: ., links: [a], privileged: true, devices: [b], restart: always'));
  expect(why.split('; ').filter((part) => part.includes('is not understood'))).toHaveLength(3);
});

test('a text that would exhaust whoever reads it is not read', () => {
  expect(whyRefused('['.repeat(20_000))).toMatch(/nested more than/);
});

describe('variables', () => {
  const filled = (text: string, variables = {}): unknown =>
    interpolate({ a: [text] }, variables, (path, why) => {
      throw new Error(`${path.join('.')} ${why}`);
    });

  test.each([
    ['$A and ${A}', { A: '1' }, '1 and 1'],
    ['${A:-2}${A-3}', { A: '' }, '2'],
    ['${B:-2}${B-}', {}, '2'],
    ['$$A costs 5$$', { A: '1' }, '$A costs 5$'],
  ])('in %p are filled in', (text, variables, expected) => {
    expect(filled(text, variables)).toEqual({ a: [expected] });
  });

  test.each(['$A', '${A}', '${A:?must be}', '${A:+b}', 'a $', '${', '$ {A}'])(
    'that have no value are refused: %p',
    (text) => {
      expect(() => filled(text)).toThrow(/^a\.0 has /);
    },
  );

  test('have no value in a manifest, except the one that stands there', () => {
    expect(whyRefused(web('user: $NAME'))).toMatch(
      /services\.web\.user has the variable NAME, which has no value here/,
    );
    expect(container('user: "${NAME:-42}"').User).toBe('42');
  });
});

describe('scalars', () => {
  test.each([
    ['sh -c "echo \\"a b\\" $x"', ['sh', '-c', 'echo "a b" $x']],
    ["a 'b c'd e\\ f", ['a', 'b cd', 'e f']],
    ["  a ''  ", ['a', '']],
    [
      ['a b', 1],
      ['a b', '1'],
    ],
  ])('a command is taken apart: %p', (given, expected) => expect(words(given)).toEqual(expected));

  test('a quote without an end is no command', () => expect(() => words('a "b')).toThrow(/quote/));

  test.each([
    ['1h2m3s', 3_723e9],
    ['500ms', 5e8],
    ['1.5s', 15e8],
  ])('%p is a time', (given, expected) => expect(nanoseconds(given)).toBe(expected));

  test.each(['', '10', '10 s', 's', 10, '5d'])('%p is none', (given) =>
    expect(() => nanoseconds(given)).toThrow(/such as/),
  );

  test.each([
    ['64M', 64 * 1024 ** 2],
    ['1.5gb', 1.5 * 1024 ** 3],
    ['512MiB', 512 * 1024 ** 2],
    [1024, 1024],
  ])('%p is a size', (given, expected) => expect(bytes(given)).toBe(expected));
});
