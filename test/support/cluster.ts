import { isDeepStrictEqual } from 'node:util';
import { waitUntil, type Json, type Operation, type Starling } from './starling';

export const SPEC = { engine: 'k3s', location: 'westeurope' };

export interface Node {
  name: string;
  role: 'master' | 'agent';
  vmId: string;
  instanceId: string;
  state: string;
}

export interface EngineNode {
  name: string;
  uid: string;
  ready: boolean;
  unschedulable: boolean;
  /** Changes with every boot of its machine. */
  bootId: string;
  version: string;
  pods: string[];
  /** Only where there are such things: managers of a swarm never take work. */
  role?: 'manager' | 'worker';
}

export interface Event {
  id: string;
  at: string;
  type: string;
  subject: string;
  cause: string;
  message: string;
}

export interface Vm {
  vmId: string;
  name: string;
  resourceGroup: string;
  provisioningState: string;
  power?: string;
}

export const isCordoned = ({ unschedulable, role }: EngineNode): boolean => unschedulable && role !== 'manager';

/** One cluster of a running Starling, as an operator and a look into the local Azure see it. */
export class Cluster {
  constructor(
    readonly starling: Starling,
    readonly name: string,
  ) {}

  get path(): string {
    return `/api/clusters/${this.name}`;
  }

  /** Starts an operation; throws unless it was accepted. Returns its id. */
  async begin(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await this.starling.request<Operation>(method, this.path + path, body);
    if (answer.status !== 202)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  }

  async carryOut(method: string, path: string, body?: unknown): Promise<Operation> {
    return this.starling.waitForOperation(await this.begin(method, path, body));
  }

  deploy = (spec: object = {}): Promise<Operation> => this.carryOut('PUT', '', { ...SPEC, ...spec });
  scale = (agents: number): Promise<Operation> => this.carryOut('POST', '/scale', { agents });
  destroy = (query = ''): Promise<Operation> => this.carryOut('DELETE', query);

  async get(): Promise<Json> {
    return (await this.starling.request('GET', this.path)).body;
  }

  async nodes(): Promise<Node[]> {
    return (await this.starling.request<{ nodes: Node[] }>('GET', `${this.path}/nodes`)).body.nodes ?? [];
  }

  async agents(): Promise<Node[]> {
    return (await this.nodes()).filter(({ role }) => role === 'agent');
  }

  async events(since?: string): Promise<Event[]> {
    const query = `?limit=1000${since ? `&since=${since}` : ''}`;
    return (await this.starling.request<{ events: Event[] }>('GET', `${this.path}/events${query}`)).body.events;
  }

  /** Waits for an event; without a subject, of anything in the cluster. */
  hasEvent(subject: string | undefined, type: string): Promise<void> {
    const isIt = (event: Event): boolean => event.type === type && (!subject || event.subject === subject);
    const what = `${this.name} has an event ${type} of ${subject ?? 'anything'}`;
    return waitUntil(what, async () => (await this.events()).some(isIt));
  }

  /** What Azure has of it. */
  async vms(): Promise<Vm[]> {
    const { vms } = await this.starling.control<{ vms: Vm[] }>('GET', '/_local/state');
    return vms.filter(({ resourceGroup }) => resourceGroup.toLowerCase() === `${this.name}-compute`);
  }

  /** What the engine has of it. */
  async engineNodes(): Promise<EngineNode[]> {
    return (await this.starling.control<{ nodes: EngineNode[] }>('GET', `/_local/engine/${this.name}/nodes`)).nodes;
  }

  /** Pods of the demo workload, whose disruption budget the local Azure can set. */
  async webPods(): Promise<string[]> {
    return (await this.engineNodes()).flatMap(({ pods }) => pods).filter((pod) => pod.startsWith('web-'));
  }

  /** Follows the operation to its end; returns all phases that it showed. */
  async phasesOf(id: string): Promise<string[]> {
    const phases = new Set<string>();
    await waitUntil('the operation has ended', async () => {
      const { body } = await this.starling.request<Operation>('GET', `/api/operations/${id}`);
      phases.add(body.phase);
      return body.state !== 'running';
    });
    return [...phases];
  }

  disturb(instanceId: string, deed: 'crash' | 'hang' | 'vanish' | 'evict'): Promise<Json> {
    return this.starling.control('POST', `/_local/instances/${this.name}/${instanceId}/${deed}`);
  }

  /**
   * Waits until registry = Azure's listing = the engine's nodes, all of them ready, with so many agents (design §6, 1 and 2).
   * Agents may be parked beside them: off, and without work.
   */
  async settles(agents: number, deadlineMs?: number): Promise<void> {
    let seen = {};
    const settled = async (): Promise<boolean> => {
      const [cluster, nodes, vms, engine] = await Promise.all([
        this.get(),
        this.nodes(),
        this.vms(),
        this.engineNodes(),
      ]);
      const { phase, phaseReason: reason, operation } = cluster;
      seen = { phase, reason, operation, nodes, vms: vms.map(brief), engine };
      const parked = new Set(nodes.filter(({ state }) => state === 'parked').map(({ vmId }) => vmId));
      const serving = nodes.filter(({ vmId }) => !parked.has(vmId));
      const isAsItShould = ({ vmId, provisioningState, power }: Vm): boolean =>
        provisioningState === 'Succeeded' && (power === 'running') !== parked.has(vmId);
      const works = (node: EngineNode): boolean => node.ready && !isCordoned(node);
      return (
        phase === 'ready' &&
        operation === null &&
        cluster.agents?.desired === agents &&
        serving.filter(({ role }) => role === 'agent').length === agents &&
        serving.every(({ state }) => state === 'ready') &&
        isDeepStrictEqual(sorted(nodes, 'vmId'), sorted(vms, 'vmId')) &&
        vms.every(isAsItShould) &&
        isDeepStrictEqual(sorted(serving, 'name'), sorted(engine.filter(works), 'name')) &&
        isDeepStrictEqual(sorted(nodes, 'name'), sorted(engine, 'name'))
      );
    };
    const what = (): string => `${this.name} settles with ${agents} agents: ${JSON.stringify(seen, null, 1)}`;
    await waitUntil(what, settled, deadlineMs);
  }
}

const brief = ({ name, vmId, provisioningState, power }: Vm): object => ({ name, vmId, provisioningState, power });
const sorted = <K extends string>(items: Record<K, string>[], key: K): string[] =>
  items.map((item) => item[key]).sort();

/** Everything in Azure that belongs to the cluster or carries its tag. */
export async function remainsOf(starling: Starling, cluster: string): Promise<string[]> {
  const { resourceGroups, resources, vms } = await starling.control('GET', '/_local/state');
  const isOurs = ({ id, tags }: { id: string; tags?: Record<string, string> }): boolean =>
    tags?.['starling-cluster'] === cluster ||
    new RegExp(`/resourcegroups/${cluster}-(compute|storage)(/|$)`, 'i').test(id);
  return [...resourceGroups, ...resources, ...vms].filter(isOurs).map(({ id }) => id);
}
