import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderCustomData } from '../../../cloud-init/render';
import { createImds } from '../../../local/azure/imds';
import { createLocalPki } from '../../../local/azure/pki';
import { scaledClock } from '../../../local/clock';
import { memoryStore } from '../../../local/store';
import { createMachineInventory } from '../../../local/vm/inventory';
import type { MachineSpec } from '../../../local/vm/machine';
import { placesOf } from '../../../local/vm/real/places';
import { prepareRealNodes, startRealNodes, type NodeParts, type RealMachines } from '../../../local/vm/real';
import { buildOnce } from '../../support/starling-process';
import { waitUntil } from '../../support/starling';

/** Does nothing, but says that it is up, as k3s does. */
const STAND_IN = '#!/bin/bash\n[[ $1 == agent ]] || exit 0\nsystemd-notify --ready --pid=$$\nexec sleep infinity\n';
const TICKET = { engine: 'k3s', role: 'agent', token: 'K10secret', servers: ['https://172.31.0.10:6443'], labels: {} };
const LIMIT_MS = 90_000; // a node boots in five seconds alone, on two busy cores in half a minute

/** Real machines without the app: whatever they post is noted, and a join is granted. */
export class Fabric {
  readonly stateDir = mkdtempSync(join(tmpdir(), 'starling-'));
  readonly clock = scaledClock({ realEpochMs: Date.now(), simulatedEpochMs: Date.now(), scale: 1 });
  readonly store = memoryStore();
  readonly inventory = createMachineInventory(this.store);
  /** Last part of the path of each request to the app. */
  readonly posts: string[] = [];
  machines!: RealMachines;
  private readonly pki = createLocalPki(this.store, this.clock);
  private parts!: NodeParts;
  private app!: Server;

  async open(): Promise<void> {
    buildOnce();
    const k3s = join(this.stateDir, 'k3s');
    writeFileSync(k3s, STAND_IN, { mode: 0o755 });
    const env = { ...process.env, STARLING_K3S_BINARY: k3s };
    this.parts = await prepareRealNodes({ stateDir: this.stateDir, env, say: (line) => console.log(line) });
    this.app = createServer((request, response) => {
      const route = request.url?.split('/').at(-1) ?? '';
      this.posts.push(route);
      request.resume();
      response.end(JSON.stringify(route === 'join' ? { ...TICKET, nodeName: 'agent-1', version: 'v1.36.2+k3s1' } : {}));
    });
    await new Promise<void>((resolve) => this.app.listen(0, '127.0.0.1', resolve));
    await this.start();
  }

  /** The machines of this state, as another run would find them. */
  async start(): Promise<void> {
    const imds = createImds({ machines: this.inventory, pki: this.pki, clock: this.clock });
    this.machines = await startRealNodes({
      inventory: this.inventory,
      store: this.store,
      clock: this.clock,
      pki: this.pki,
      parts: this.parts,
      stateDir: this.stateDir,
      appDir: join(__dirname, '../../..'),
      appPort: this.appPort(),
      imds: () => imds,
      log: (line) => console.log(line),
      onLost: (what) => console.log(`${what} has died`),
      onPoweredOff: () => undefined,
    });
  }

  async close(): Promise<void> {
    await this.machines?.stop();
    this.app?.close().closeAllConnections();
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  /** An instance of a scale set with an agent's customData. */
  agent(index: number): MachineSpec {
    const customData = renderCustomData({
      role: 'agent',
      engine: 'k3s',
      appUrl: `http://172.31.255.254:${this.appPort()}`,
      cluster: 'demo',
      version: 'v1.36.2+k3s1',
      ssh: null,
    });
    const group = '/subscriptions/57a71196-0000-4000-8000-000000000001/resourceGroups/demo-compute';
    return {
      vmId: `00000000-0000-4000-8000-00000000000${index}`,
      name: `agents_${index}`,
      computerName: `agents00000${index}`,
      subscriptionId: '57a71196-0000-4000-8000-000000000001',
      resourceGroup: 'demo-compute',
      resourceId: `${group}/providers/Microsoft.Compute/virtualMachineScaleSets/agents/virtualMachines/${index}`,
      location: 'westeurope',
      size: 'Standard_B2s',
      priority: 'Regular',
      scaleSet: { name: 'agents', instanceId: `${index}` },
      customData,
      tags: {},
      privateIp: `172.31.16.${3 + index}`,
      fqdn: `node${index}.westeurope.cloudapp.azure.com`,
    };
  }

  phase = ({ vmId }: MachineSpec): string => this.inventory.state(vmId)?.phase ?? 'gone';

  async reaches(spec: MachineSpec, phase: string): Promise<void> {
    const seen = (): string => `${spec.name} is ${phase}: ${JSON.stringify(this.inventory.state(spec.vmId))}`;
    await waitUntil(seen, () => this.phase(spec) === phase, LIMIT_MS);
  }

  /** Standard output of a command that must succeed there. */
  async run(spec: MachineSpec, script: string): Promise<string> {
    const { stdout, stderr } = await this.machines.runCommand(spec.vmId, [script, 'echo "status $?"']);
    const [, output = '', status = ''] = /^([^]*)status (\d+)\n$/.exec(stdout) ?? [];
    if (status !== '0') throw new Error(`${script} ended with ${status}: ${stdout}${stderr}`);
    return output.trimEnd();
  }

  bootId = ({ vmId }: MachineSpec): string => this.inventory.state(vmId)?.bootId ?? '';

  private appPort = (): number => (this.app.address() as AddressInfo).port;
}

/** What there is of this state's machines outside of its folder; each namespace is some process's. */
export function remains(stateDir: string): { processes: string[]; folders: string[] } {
  const { group } = placesOf(stateDir);
  const isOurs = (line: string): boolean => line.includes(stateDir);
  return {
    processes: execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n').filter(isOurs),
    folders: execFileSync('find', ['/sys/fs/cgroup', '/run', '-maxdepth', '2', '-name', group], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean),
  };
}
