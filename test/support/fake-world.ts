import type { ChaosReport } from '../../shared/model/chaos';
import type { ClusterRecord } from '../../shared/model/cluster';
import type { EventRecord } from '../../shared/model/event';
import type { NodeRecord } from '../../shared/model/node';
import type { OperationRecord } from '../../shared/model/operation';
import type { Workload } from '../../shared/model/workload';
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
import type { ConnectEngine } from '../../shared/engines/connect';
import { createEngines } from '../../shared/engines/engines';
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
  readonly chaosRows = new Rows<ChaosReport>();
  readonly secrets = new Map<string, string>();
  machines: Machine[] = [];
  /** Undefined: there is no scale set. */
  capacity: number | undefined = 0;
  groups = new Map<string, 'ours' | 'foreign'>();
  tagged: string[] = [];
  engineNodes: EngineNode[] = [];
  halted = false;
  pending = 0;
  workloads: Workload[] = [];
  /** What the next commands on machines print. */
  commandOutput = '';
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
      size: 'Standard_B2s',
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
        version: 'v1.36.2+k3s1',
        bootId: `${name}-1`,
        avoidsChaos: false,
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
    list: async (cluster, role) =>
      this.nodeRows.all().filter(({ record }) => record.cluster === cluster && (!role || record.role === role)),
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

  readonly chaos: World['chaos'] = {
    put: async (report) => this.chaosRows.put(report.id, report),
    get: async ({ id }) => this.chaosRows.get(id)?.record,
    list: async () => this.chaosRows.all().map(({ record }) => record),
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
      this.capacity === undefined
        ? undefined
        : { capacity: this.capacity, size: 'Standard_B2s', etag: '1', provisioning: 'succeeded' },
    setCapacity: async (_, capacity) => this.begun(`setCapacity ${capacity}`),
    deleteAgents: async (_, ids) => this.begun(`deleteAgents ${ids.join()}`),
    startAgents: async (_, ids) => this.begun(`startAgents ${ids.join()}`),
    restartAgents: async (_, ids) => this.begun(`restartAgents ${ids.join()}`),
    stopAgents: async (_, ids, { deallocate }) =>
      this.begun(`${deallocate ? 'deallocate' : 'stop'}Agents ${ids.join()}`),
    reimageAgents: async (_, ids) => this.begun(`reimageAgents ${ids.join()}`),
    updateAgents: async (_, ids) => this.begun(`updateAgents ${ids.join()}`),
    setAgentSize: async (_, size) => this.begun(`setAgentSize ${size}`),
    simulateEviction: async (_, id) => this.begun(`simulateEviction ${id}`),
    startMaster: async (_, name) => this.begun(`startMaster ${name}`),
    stopMaster: async (_, name, { deallocate }) => this.begun(`${deallocate ? 'deallocate' : 'stop'}Master ${name}`),
    restartMaster: async (_, name) => this.begun(`restartMaster ${name}`),
    deleteMaster: async (_, name) => this.begun(`deleteMaster ${name}`),
    setAutoscale: async (_, enabled) => this.begun(`setAutoscale ${enabled}`),
    beginCommand: async (_, { instanceId }, script) => this.begun(`command ${instanceId} ${script.join('; ')}`),
    pollCommand: async () => ({ state: 'succeeded', stdout: this.commandOutput, stderr: '' }),
    poll: async () => ({ state: 'succeeded' }),
    deleteGroup: async (_, group) => {
      const found = this.groups.get(group);
      this.note(`deleteGroup ${group}`);
      if (found === 'ours') this.groups.delete(group);
      return found === 'ours' ? 'begun' : found === 'foreign' ? 'foreign' : 'absent';
    },
    groupExists: async (group) => this.groups.has(group),
    listTagged: async () => this.tagged,
    storageAccess: async () => ({ account: 'demostorage', key: 'a2V5' }),
    ownsGroup: async (_, group) => this.groups.get(group) === 'ours',
    listLocations: async () => [{ name: 'westeurope', displayName: 'West Europe' }],
    listSizes: async () => ['Standard_B1s', 'Standard_B2s'].map((name) => ({ name, cores: 2, memoryGiB: 4 })),
    listImages: async () => [],
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
    admitToken: async ({ id }) => {
      this.note(`admitToken ${id}`);
      return id;
    },
    masterToken: async (given) => given,
    endTokens: async () => undefined,
    revokeTokens: async () => undefined,
    claimNode: async () => ({ ok: true }),
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
    countPending: async () => this.pending,
    removeMember: async (name) => {
      this.note(`removeMember ${name}`);
      return 'removed';
    },
    rebalance: async (mark) => {
      this.note(`rebalance ${mark}`);
      return { restarted: [] };
    },
    rollouts: async () => [],
    applyWorkload: async ({ name }) => {
      this.note(`applyWorkload ${name}`);
      return { ok: true };
    },
    listWorkloads: async () => this.workloads,
    scaleWorkload: async (name, replicas) => {
      this.note(`scaleWorkload ${name} ${replicas}`);
      return { ok: true };
    },
    removeWorkload: async (name) => {
      this.note(`removeWorkload ${name}`);
      return 0;
    },
    operatorToken: async (lifetimeMs) => ({
      token: 'operator',
      expiresAt: new Date(this.now + lifetimeMs).toISOString(),
    }),
  };
  readonly connectEngine = (): EnginePort => this.engine;
  /** Asked anew each time: a test may have put another engine in place. */
  readonly engines = createEngines(this.vault, (...of) => (this.connectEngine as ConnectEngine)(...of));
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
    if (node) Object.assign(node, { schedulable, isHeld: !schedulable });
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
