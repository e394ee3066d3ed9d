import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { waitUntil } from '../support/starling';
import { Fabric, remains } from './support/driver-fixture';
import { whyNot } from './support/real-machine';

const reason = whyNot();
if (reason) process.stderr.write(`real nodes are skipped: ${reason}\n`); // Jest shows no console of what is skipped
const story = reason ? describe.skip : describe;

/** A guest that does not end by itself is cut off after a minute, and boots then. */
const BACK_MS = 90_000;

/** Steps of one story: each machine costs seconds, so they share two. */
story('a real machine', () => {
  let fabric: Fabric;
  const first = () => fabric.agent(1);
  const second = () => fabric.agent(2);

  beforeAll(async () => {
    fabric = new Fabric();
    await fabric.open();
  }, 300_000);
  afterAll(() => fabric.close(), 60_000);

  test('boots the customData as it is: cloud-init ends without an error, and systemd runs', async () => {
    for (const spec of [first(), second()]) fabric.machines.boot(spec);
    for (const spec of [first(), second()]) {
      await fabric.reaches(spec, 'running');
      expect(await fabric.run(spec, 'cloud-init status --wait')).toContain('status: done');
      expect(await fabric.run(spec, 'timeout 60 systemctl is-system-running --wait')).toBe('running');
    }
    expect(await fabric.run(first(), 'uname -n')).toBe('agents000001');
  });

  test('installs the engine from its release page and joins', async () => {
    expect(fabric.posts.filter((route) => route === 'join')).toHaveLength(2);
    expect(await fabric.run(first(), 'cat /var/lib/starling/k3s-installed')).toMatch(/^v1\.36\.2\+k3s1 [0-9a-f]{64}$/);
    expect(await fabric.run(first(), 'systemctl is-active k3s-agent')).toBe('active');
    expect(await fabric.run(first(), 'cat /etc/rancher/k3s/config.yaml')).toContain('node-name: "agent-1"');
  });

  test('learns from the metadata service who it is, and keeps everybody but root away from it', async () => {
    const url = 'http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01\\&format=text';
    const ask = `curl -sS --max-time 2 -H Metadata:true ${url}`;
    expect(await fabric.run(first(), ask)).toBe('agents_1');
    expect(await fabric.run(second(), ask)).toBe('agents_2');
    await expect(fabric.run(first(), `setpriv --reuid nobody ${ask}`)).rejects.toThrow('ended with 28');
  });

  test('reaches its neighbours and no one outside', async () => {
    expect(await fabric.run(first(), `echo >/dev/tcp/${second().privateIp}/22 || ip neigh`)).toContain(
      'lladdr 00:0d:3a',
    );
    await expect(fabric.run(first(), 'curl -sS --max-time 5 http://192.0.2.1')).rejects.toThrow('ended with 7');
  });

  test('runs commands and gives both of their streams', async () => {
    expect(await fabric.machines.runCommand(first().vmId, ['echo one', 'echo two >&2'])).toMatchObject({
      stdout: 'one\n',
      stderr: 'two\n',
    });
  });

  test('is reached from outside by its name', async () => {
    const make = 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=inside';
    await fabric.run(first(), `${make} -keyout /root/key -out /root/cert 2>/dev/null`);
    const serve = 'sleep infinity | openssl s_server -accept 2376 -key /root/key -cert /root/cert';
    await fabric.run(first(), `systemd-run --quiet bash -c '${serve}'`);
    await fabric.run(first(), 'until echo >/dev/tcp/127.0.0.1/2376; do sleep 0.1; done 2>/dev/null');
    const door = await fabric.machines.openDoor(2376);
    const dial = (servername = '') =>
      connect({ host: '127.0.0.1', port: door.port, servername, rejectUnauthorized: false });
    try {
      const open = dial(first().fqdn);
      await once(open, 'secureConnect');
      expect(open.getPeerCertificate().subject.CN).toBe('inside');
      open.destroy();
      await expect(once(dial(second().fqdn), 'secureConnect')).rejects.toThrow(/disconnected|ECONNRESET/);
    } finally {
      await door.close();
    }
  });

  test('restarts on the same disk, and tells nobody that it leaves', async () => {
    const boot = fabric.bootId(first());
    await fabric.run(first(), 'echo kept >/root/kept');
    fabric.machines.shutdown(first().vmId, true, true);
    fabric.machines.boot(first());
    await waitUntil('it has booted again', () => !['', boot].includes(fabric.bootId(first())), BACK_MS);
    await fabric.reaches(first(), 'running');
    expect(await fabric.run(first(), 'cat /root/kept')).toBe('kept');
    expect(await fabric.run(first(), 'cat /proc/sys/kernel/random/boot_id')).toBe(fabric.bootId(first()));
    expect(fabric.posts).not.toContain('leave');
  });

  test('comes back by itself when its own root reboots it', async () => {
    const boot = fabric.bootId(first());
    await fabric.machines.runCommand(first().vmId, ['systemctl reboot']);
    await waitUntil('it has booted again', () => !['', boot].includes(fabric.bootId(first())), BACK_MS);
    await fabric.reaches(first(), 'running');
  });

  test('says farewell when it is powered off, and comes back with its disk', async () => {
    fabric.machines.shutdown(first().vmId, true);
    expect(fabric.phase(first())).toBe('stopping');
    await fabric.reaches(first(), 'off');
    expect(fabric.posts.filter((route) => route === 'leave')).toHaveLength(1);
    await expect(fabric.machines.runCommand(first().vmId, ['true'])).rejects.toThrow('does not answer');
    fabric.machines.boot(first());
    await fabric.reaches(first(), 'running');
    expect(await fabric.run(first(), 'cat /root/kept')).toBe('kept');
  });

  test('dies without a word when it crashes', async () => {
    fabric.machines.shutdown(first().vmId, false);
    expect(fabric.phase(first())).toBe('off');
    fabric.machines.boot(first());
    await fabric.reaches(first(), 'running');
    expect(fabric.posts.filter((route) => route === 'leave')).toHaveLength(1);
  });

  test('hangs: nothing of it moves, and only the plug helps', async () => {
    await fabric.run(second(), 'systemd-run --quiet bash -c "while :; do date +%s%N >/root/beat; sleep 0.1; done"');
    const beat = () => fabric.run(second(), 'cat /root/beat');
    await waitUntil('it beats', async () => (await beat().catch(() => '')) !== '');
    fabric.machines.hang(second().vmId);
    await expect(beat()).rejects.toThrow('does not answer');
    fabric.machines.shutdown(second().vmId, true, true);
    fabric.machines.boot(second());
    await fabric.reaches(second(), 'running');
  });

  test('shows an announced event to the machine, which listens', async () => {
    expect(fabric.machines.hearsEvents(first().vmId)).toBe(true);
    fabric.machines.announce(first().vmId, {
      EventId: 'A1',
      EventType: 'Reboot',
      ResourceType: 'VirtualMachine',
      Resources: [first().name],
      EventStatus: 'Scheduled',
      NotBefore: new Date().toUTCString(),
      Description: '',
      EventSource: 'User',
      DurationInSeconds: -1,
    });
    const log = () => fabric.run(first(), 'journalctl --unit starling-events --output cat');
    await waitUntil('its watcher has seen it', async () => (await log()).includes('Reboot of agents_1'));
  });

  test('runs again after the local Azure did not', async () => {
    await fabric.machines.stop();
    expect(remains(fabric.stateDir)).toEqual({ processes: [], folders: [] });
    await fabric.start();
    fabric.machines.resume();
    await fabric.reaches(first(), 'running');
    expect(await fabric.run(first(), 'cat /root/kept')).toBe('kept');
  });

  test('begins anew when it is wiped', async () => {
    fabric.machines.wipe(first().vmId);
    fabric.machines.boot(first());
    await fabric.reaches(first(), 'running');
    expect(await fabric.run(first(), 'ls /root')).toBe('');
  });

  test('leaves nothing when it is destroyed, not even in the middle of a boot', async () => {
    fabric.machines.wipe(second().vmId);
    fabric.machines.boot(second());
    for (const spec of [first(), second()]) fabric.machines.destroy(spec.vmId);
    const disks = join(fabric.stateDir, 'nodes');
    await waitUntil('the disks are gone', () => existsSync(disks) && readdirSync(disks).length === 0);
    await waitUntil('the network is gone', () => remains(fabric.stateDir).processes.length === 0);
  });
});
