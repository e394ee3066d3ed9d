import { existsSync } from 'node:fs';
import { at, callsOf, environment, node, put, read, recorder, run, useNode } from './cloud-init-fixture';

/** `starling-events.sh` as it is, against what the metadata service and Starling might say. */

useNode();

const event = (EventType: string, change: object = {}) => ({
  EventId: 'e-1',
  EventType,
  ResourceType: 'VirtualMachine',
  Resources: ['agents_3'],
  EventStatus: 'Scheduled',
  NotBefore: 'Sun, 01 Mar 2026 08:10:00 GMT',
  Description: 'a "quoted" text',
  EventSource: 'Platform',
  DurationInSeconds: -1,
  ...change,
});
const watch = (polls = 4, env: Record<string, string> = {}) =>
  run('starling-events.sh', { STARLING_EVENTS_POLLS: String(polls), STARLING_STAY_SECONDS: '600', ...env });
const leaves = () => node.posted.map(({ path }) => path);
const approval = (EventId = 'e-1') => ({ StartRequests: [{ EventId }] });
const LEAVE = '/api/clusters/demo/leave';

beforeEach(() => {
  node.answers = [{ status: 200 }];
});

test.each(['Preempt', 'Terminate'])(
  'before its %s it takes leave, stops the engine and approves, once',
  async (type) => {
    node.events = [[], [event(type)]];
    expect(await watch(6)).toMatchObject({ status: 0 });
    expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([
      [LEAVE],
      ['stop k3s-agent.service'],
      [approval()],
    ]);
    expect(new Set(node.metadataHeaders)).toEqual(new Set(['true']));
  },
);

test.each(['Reboot', 'Redeploy'])('before its %s it takes leave and approves, and the engine runs on', async (type) => {
  node.events = [[event(type)]];
  await watch();
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([[LEAVE], [], [approval()]]);
});

test('notes a Freeze and does nothing', async () => {
  node.events = [[event('Freeze')]];
  const { output } = await watch();
  expect(output.match(/Freeze/g)).toHaveLength(1);
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([[], [], []]);
});

test('leaves events of others alone', async () => {
  node.events = [[event('Preempt', { Resources: ['agents_30', 'agents_4'] }), event('Terminate', { EventId: 'e-2' })]];
  await watch();
  expect([leaves(), node.approvals]).toEqual([[LEAVE], [approval('e-2')]]);
});

test('is ready for an event that names others too, but does not approve it in their name', async () => {
  node.events = [[event('Preempt', { Resources: ['agents_3', 'agents_4'] })]];
  const { output } = await watch();
  expect(output).toContain('left to Azure');
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([[LEAVE], ['stop k3s-agent.service'], []]);
});

test('is ready for an event that has begun, which needs no approval', async () => {
  node.events = [[event('Preempt', { EventStatus: 'Started', NotBefore: '' })]];
  await watch();
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([[LEAVE], ['stop k3s-agent.service'], []]);
});

test('finds itself whatever the casing', async () => {
  node.events = [[event('Reboot', { Resources: ['AGENTS_3'] })]];
  await watch();
  expect(node.approvals).toEqual([approval()]);
});

test('does not approve while Starling could not be told, but stops the engine in time', async () => {
  node.answers = ['drop'];
  node.events = [[event('Preempt')]];
  await watch();
  expect([callsOf('systemctl'), node.approvals]).toEqual([['stop k3s-agent.service'], []]);
});

test('tells Starling again, and not at each second, until it answers; then it approves', async () => {
  node.answers = [{ status: 503 }, { status: 200 }];
  node.events = [[event('Reboot')]];
  await watch(40, { STARLING_POLL_SECONDS: '0.1' });
  expect([leaves(), node.approvals]).toEqual([[LEAVE, LEAVE], [approval()]]);
});

test('takes a refusal for an answer', async () => {
  node.answers = [{ status: 403, body: { code: 'UNKNOWN_INSTANCE' } }];
  node.events = [[event('Terminate')]];
  await watch();
  expect([leaves(), node.approvals]).toEqual([[LEAVE], [approval()]]);
});

test.each([410, 429, 500])('asks again, without haste, when the metadata service answers %i', async (status) => {
  node.events = [status, [event('Reboot')]];
  const started = Date.now();
  const { output } = await watch(3);
  expect(Date.now() - started).toBeGreaterThan(900);
  expect(output).toContain('does not answer');
  expect(node.approvals).toEqual([approval()]);
});

test('approves again when the approval was not taken', async () => {
  node.approvalAnswers = [429, 500];
  node.events = [[event('Reboot')]];
  await watch(6);
  expect([leaves(), node.approvals]).toEqual([[LEAVE], [approval(), approval(), approval()]]);
});

test('does nothing twice after a restart', async () => {
  node.events = [[event('Preempt')]];
  await watch();
  const before = [leaves(), callsOf('systemctl'), node.approvals];
  await watch();
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual(before);
  expect(node.approvals).toHaveLength(1);
});

test('ends at once when another watcher runs', async () => {
  node.events = [[]];
  const first = watch(30, { STARLING_POLL_SECONDS: '0.05' });
  while (!existsSync(at('run/starling/events/lock'))) await new Promise((soon) => setTimeout(soon, 10));
  expect(await watch()).toMatchObject({ status: 0, output: expect.stringContaining('another watcher') });
  await first;
});

test('asks to join again when it is still there long after the event', async () => {
  node.events = [[event('Reboot')], [event('Reboot')], []];
  await watch(8, { STARLING_STAY_SECONDS: '0' });
  expect(callsOf('systemctl')).toEqual(['restart --no-block starling-join.service']);
});

test('asks its pods to end before the engine stops, by the right that a node has over its own', async () => {
  put('etc/rancher/k3s/config.yaml', 'token: "x"\nnode-name: "agents-3-1f2e"\n');
  put('var/lib/rancher/k3s/agent/kubelet.kubeconfig', '');
  node.events = [[event('Preempt')]];
  const { output } = await watch(4, {
    STARLING_KUBECTL: recorder('kubectl', `echo ended >>"${at('bin/systemctl.calls')}"`),
  });
  expect(callsOf('kubectl')).toEqual([
    expect.stringMatching(/delete pods --all-namespaces --field-selector spec\.nodeName=agents-3-1f2e /),
  ]);
  expect(callsOf('systemctl')).toEqual(['ended', 'stop k3s-agent.service']);
  expect(output).not.toContain('not all pods');
});

test('a master stops its own engine and keeps the pods of others', async () => {
  node.instanceName = 'master0';
  environment('master');
  node.events = [[event('Redeploy', { Resources: ['master0'] })]];
  await watch();
  expect([leaves(), callsOf('systemctl'), node.approvals]).toEqual([[LEAVE], [], [approval()]]);
});

test('an event id that a shell or JSON would act on is left alone', async () => {
  node.events = [[event('Preempt', { EventId: '../../x"' })]];
  await watch();
  expect([leaves(), node.approvals]).toEqual([[], []]);
  expect(read('etc/starling/node.env')).toContain('STARLING_ROLE=agent');
});
