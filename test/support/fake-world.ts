import type { ClusterRecord } from '../../shared/model/cluster';
import type { EventRecord } from '../../shared/model/event';
import type { NodeRecord } from '../../shared/model/node';
import type { OperationRecord } from '../../shared/model/operation';
import type {
  Cloud,
  EngineNode,
  EnginePort,
  Halt,
  Machine,
  Orchestrator,
  Vault,
  Versioned,
  World,
} from '../../shared/ports';
import { createTokenMint } from '../../shared/azure/mint';
import { clusterRecord } from './records';

/** Rows with versions, as Table storage keeps them: what goes in and out is a copy. */
export class Rows<T> {
  private readonly rows = new Map<string, { text: string; version: number }>();
  private versions = 0;

  get(key: string): Versioned<T> | undefined {
    const row = this.rows.get(key);
    return row && { record: JSON.parse(row.text) as T, etag: String(row.version) };
  }
  all = (): Versioned<T>[] => [...this.rows.keys()].flatMap((key) => this.get(key) ?? []);
  put = (key: string, record: T): void =>
    void this.rows.set(key, { text: JSON.stringify(record), version: ++this.versions });
  insert(key: string, record: T): boolean {
    if (this.rows.has(key)) return false;
    this.put(key, record);
    return true;
  }
  replace(key: string, record: T, etag: string): boolean {
    if (this.get(key)?.etag !== etag) return false;
    this.put(key, record);
    return true;
  }
  remove = (key: string): void => void this.rows.delete(key);
}

/** A world in memory: the ports for real, Azure and the engine as far as the rows of a test go. */
export class FakeWorld implements World {
  now = Date.parse('2026-02-03T04:00:00.000Z');
  readonly clock = { now: () => this.now };
  readonly clusterRows = new Rows<ClusterRecord>();
  readonly nodeRows = new Rows<NodeRecord>();
  readonly operationRows = new Rows<OperationRecord>();
  readonly eventRows = new Rows<EventRecord>();
  readonly secrets = new Map<string, string>();
  machines: Machine[] = [];
  /** Undefined: there is no scale set. */
  capacity: number | undefined = 0;
  groups = new Map<string, 'ours' | 'foreign'>();
  tagged: string[] = [];
  engineNodes: EngineNode[] = [];
  halted = false;
  /** What was asked of Azure, the engine and the orchestrator, as `verb argument`. */
  readonly calls: string[] = [];
  private readonly note = (call: string): void => void this.calls.push(call);

  constructor(cluster: Partial<ClusterRecord> = {}) {
    this.clusterRows.put('demo', clusterRecord({ phase: 'ready', ...cluster }));
  }

  get cluster(): ClusterRecord {
    return this.clusterRows.get('demo')!.record;
  }
  changeCluster = (changes: Partial<ClusterRecord>): void =>
    this.clusterRows.put('demo', { ...this.cluster, ...changes });
  node = (vmId: string): NodeRecord | undefined => this.nodeRows.get(vmId)?.record;
  /** What was told, without the wrapping of the port. */
  get told(): EventRecord[] {
    return this.eventRows.all().map(({ record }) => record);
  }

  /** A row and its VM; the engine knows it when it has registered. */
  addAgent(row: NodeRecord, machine: Partial<Machine> = {}): void {
    const { vmId, role, instanceId, nodeName: name } = row;
    this.nodeRows.put(vmId, row);
    this.machines.push({
      ...{ vmId, role, instanceId, computerName: '', resourceId: '', createdAt: row.createdAt, address: '' },
      provisioning: 'succeeded',
      power: 'running',
      ...machine,
    });
    this.capacity = (this.capacity ?? 0) + 1;
    const ready = row.state === 'ready';
    if (row.registeredAt)
      this.engineNodes.push({
        name,
        uid: vmId,
        ready,
        schedulable: true,
        isMaster: false,
        address: '',
        since: row.since,
      });
  }

  readonly clusters: World['clusters'] = {
    list: async () => this.clusterRows.all().map(({ record }) => record),
    get: async (name) => this.clusterRows.get(name),
    insert: async (record) => this.clusterRows.insert(record.name, record),
    replace: async (record, etag) => this.clusterRows.replace(record.name, record, etag),
    remove: async (name) => this.clusterRows.remove(name),
  };
  readonly nodes: World['nodes'] = {
    list: async (cluster) => this.nodeRows.all().filter(({ record }) => record.cluster === cluster),
    get: async (_, vmId) => this.nodeRows.get(vmId),
    insert: async (record) => this.nodeRows.insert(record.vmId, record),
    replace: async (record, etag) => this.nodeRows.replace(record.vmId, record, etag),
    writeAll: async (rows) => {
      const write = ({ record, etag }: { record: NodeRecord; etag?: string }): boolean =>
        etag ? this.nodeRows.replace(record.vmId, record, etag) : this.nodeRows.insert(record.vmId, record);
      return { conflicts: rows.filter((row) => !write(row)).map(({ record }) => record.vmId) };
    },
    remove: async (_, vmIds) => vmIds.forEach(this.nodeRows.remove),
  };
  readonly operations: World['operations'] = {
    get: async (id) => this.operationRows.get(id),
    insert: async (record) => this.operationRows.insert(record.id, record),
    replace: async (record, etag) => this.operationRows.replace(record.id, record, etag),
    listByCluster: async () => this.operationRows.all().map(({ record }) => record),
    listRunning: async () =>
      this.operationRows.all().flatMap(({ record }) => (record.state === 'running' ? [record] : [])),
  };
  readonly events: World['events'] = {
    append: async (events) => events.forEach((event) => this.eventRows.insert(event.id, event)),
    list: async () => this.told,
  };

  readonly cloud: Cloud = {
    checkQuota: async () => ({ ok: true }),
    ensureGroups: async (cluster) => {
      for (const group of [`${cluster}-compute`, `${cluster}-storage`]) this.groups.set(group, 'ours');
      this.note('ensureGroups');
      return { ok: true };
    },
    beginDeployment: async () => ({ ok: true }),
    getDeployment: async () => undefined,
    getTemplate: async () => undefined,
    listDeploymentOperations: async () => [],
    listMachines: async () => structuredClone(this.machines),
    getMachine: async (_, __, id) => structuredClone(this.machines.find(({ instanceId }) => instanceId === id)),
    getScaleSet: async () =>
      this.capacity === undefined ? undefined : { capacity: this.capacity, etag: '1', provisioning: 'succeeded' },
    setCapacity: async (_, capacity) => this.begun(`setCapacity ${capacity}`),
    deleteAgents: async (_, ids) => this.begun(`deleteAgents ${ids.join()}`),
    startAgents: async (_, ids) => this.begun(`startAgents ${ids.join()}`),
    restartAgents: async (_, ids) => this.begun(`restartAgents ${ids.join()}`),
    startMaster: async (_, name) => this.begun(`startMaster ${name}`),
    poll: async () => ({ state: 'succeeded' }),
    deleteGroup: async (_, group) => {
      const found = this.groups.get(group);
      this.note(`deleteGroup ${group}`);
      if (found === 'ours') this.groups.delete(group);
      return found === 'ours' ? 'begun' : found === 'foreign' ? 'foreign' : 'absent';
    },
    groupExists: async (group) => this.groups.has(group),
    listTagged: async () => this.tagged,
  };

  readonly vault: Vault = {
    get: async (name) => this.secrets.get(name),
    set: async (name, value) => void this.secrets.set(name, value),
    remove: async (name) => void this.secrets.delete(name),
  };
  readonly mint: World['mint'] = createTokenMint(this.vault);

  private readonly engine: EnginePort = {
    listNodes: async () => structuredClone(this.engineNodes),
    getNode: async (wanted) => structuredClone(this.engineNodes.find(({ name }) => name === wanted)),
    admitToken: async ({ id }) => this.note(`admitToken ${id}`),
    revokeTokens: async () => undefined,
    cordon: async (name) => this.setSchedulable(name, false),
    uncordon: async (name) => this.setSchedulable(name, true),
    evict: async (name) => {
      this.note(`evict ${name}`);
      return { remaining: 0, blocked: [] };
    },
    removeNode: async (gone) => {
      this.engineNodes = this.engineNodes.filter(({ name }) => name !== gone);
      return true;
    },
    formatToken: ({ id }) => id,
  };
  readonly connectEngine = (): EnginePort => this.engine;
  readonly attestation: World['attestation'] = {
    verify: async ({ attestation }) => ({ ok: true, vmId: attestation }),
  };
  readonly halt = {
    read: async (): Promise<Halt> => ({ halted: this.halted, reason: '', since: '' }),
    set: async ({ halted }: Halt): Promise<void> => void (this.halted = halted),
  };
  readonly renderDeployment: World['renderDeployment'] = () => ({ template: {}, parameters: {} });
  readonly uniqueSuffix = (): string => 'abc';

  private setSchedulable(wanted: string, schedulable: boolean): boolean {
    const node = this.engineNodes.find(({ name }) => name === wanted);
    if (node) node.schedulable = schedulable;
    return node !== undefined;
  }

  private begun(call: string): { ok: true; poller: string } {
    this.note(call);
    return { ok: true, poller: call };
  }
}

/** Orchestrations that were started, by id; none of them does anything. */
export class FakeOrchestrator implements Orchestrator {
  readonly states = new Map<string, 'running' | 'ended'>();
  start = async (_: string, id: string): Promise<'started' | 'exists'> => {
    if (this.states.get(id) === 'running') return 'exists';
    this.states.set(id, 'running');
    return 'started';
  };
  status = async (id: string): Promise<'absent' | 'running' | 'ended'> => this.states.get(id) ?? 'absent';
  terminate = async (id: string): Promise<void> => {
    if (this.states.has(id)) this.states.set(id, 'ended');
  };
}

export const QUIET_LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };
