import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Cluster, type EngineNode } from '../../support/cluster';
import { waitUntil, type Json, type Operation, type Starling } from '../../support/starling';

const run = promisify(execFile);

/** As `GET /_local/nodes` tells it. */
export interface RealNode {
  vmId: string;
  name: string;
  computerName: string;
  resourceGroup: string;
  privateIp: string;
  power: string;
  phase: string;
  bootId: string;
  /** Of its first process; absent while it is off. */
  pid?: number;
}

/** What a node's own systemd would give to a login. */
const INSIDE = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8'];
const COMMAND_LIMIT_MS = 60_000;

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in the node as its root; resolves also when it fails. */
export async function inNode({ name, pid }: RealNode, ...command: string[]): Promise<Ran> {
  if (pid === undefined) throw new Error(`${name} is off`);
  const args = ['--target', `${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd'];
  try {
    const { stdout, stderr } = await run('nsenter', [...args, ...INSIDE, ...command], { timeout: COMMAND_LIMIT_MS });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout, stderr };
  }
}

export async function realNodes(starling: Starling, cluster?: string): Promise<RealNode[]> {
  const { nodes } = await starling.control<{ nodes: RealNode[] }>('GET', '/_local/nodes');
  return nodes.filter(({ resourceGroup }) => !cluster || resourceGroup.toLowerCase() === `${cluster}-compute`);
}

/** Deploys of real nodes boot for real: on two cores a few seconds each. */
const OPERATION_LIMIT_MS = 240_000;

interface DockerNode {
  ID: string;
  Spec: { Labels: Record<string, string>; Availability: string; Role: string };
  Status: { State: string; Addr: string };
  Description: { Hostname: string; Engine: { EngineVersion: string } };
  ManagerStatus?: { Leader?: boolean; Reachability: string };
}

export interface DockerTask {
  ID: string;
  NodeID: string;
  DesiredState: string;
  Status: { State: string; Err?: string };
  ServiceID: string;
}

/** A cluster whose machines are real: what the engine has of it is asked of the engine itself. */
export class RealCluster extends Cluster {
  constructor(starling: Starling, name: string) {
    super(starling, name);
  }

  /** Throws unless it succeeds. */
  override async carryOut(method: string, path: string, body?: unknown): Promise<Operation> {
    const id = await this.begin(method, path, body);
    let last: Operation | undefined;
    await waitUntil(
      () => `operation ${id} has ended: ${JSON.stringify(last)}`,
      async () => {
        last = (await this.starling.request<Operation>('GET', `/api/operations/${id}`)).body;
        return last.state !== 'running';
      },
      OPERATION_LIMIT_MS,
    );
    if (last?.state !== 'succeeded') throw new Error(`${last?.verb} ${last?.state}: ${JSON.stringify(last)}`);
    return last;
  }

  machines = (): Promise<RealNode[]> => realNodes(this.starling, this.name);

  async machine(name: string): Promise<RealNode> {
    const found = (await this.machines()).find((node) => node.name === name);
    if (!found) throw new Error(`${this.name} has no machine ${name}`);
    return found;
  }

  /** On a master that answers. */
  async docker(...args: string[]): Promise<Json> {
    const errors: string[] = [];
    const masters = (await this.machines()).filter(({ name, power }) => /^master/.test(name) && power === 'up');
    for (const master of masters) {
      const { code, stdout, stderr } = await inNode(master, 'timeout', '10', 'docker', ...args);
      if (code === 0) return stdout;
      errors.push(`${master.name}: ${stderr}`);
    }
    throw new Error(`docker ${args.join(' ')}: ${errors.join('; ') || 'no master is up'}`);
  }

  /** Straight from the Engine API of a master, as its own root reaches it. */
  async api<T>(path: string): Promise<T> {
    const masters = (await this.machines()).filter(({ name, power }) => /^master/.test(name) && power === 'up');
    for (const master of masters) {
      const curl = ['curl', '-sS', '-m', '10', '--fail', '--unix-socket', '/run/docker.sock', `http://docker${path}`];
      const { code, stdout } = await inNode(master, ...curl);
      if (code === 0) return JSON.parse(stdout) as T;
    }
    throw new Error(`no master of ${this.name} answers to ${path}`);
  }

  dockerNodes = (): Promise<DockerNode[]> => this.api('/nodes');

  /** In the words of the simulator's control route. */
  override async engineNodes(): Promise<EngineNode[]> {
    const [nodes, tasks] = await Promise.all([this.dockerNodes(), this.tasks()]);
    return nodes.map(({ ID, Spec, Status, Description }) => ({
      name: Spec.Labels['starling.node'] ?? `unclaimed-${ID}`,
      uid: ID,
      ready: Status.State === 'ready',
      // A manager is drained for good.
      unschedulable: Spec.Role === 'worker' && Spec.Availability !== 'active',
      bootId: Spec.Labels['starling.boot'] ?? '',
      version: Description.Engine.EngineVersion,
      pods: tasks.filter((task) => task.NodeID === ID && isRunning(task)).map((task) => task.ID),
    }));
  }

  tasks = (): Promise<DockerTask[]> => this.api('/tasks');

  async running(): Promise<number> {
    return (await this.tasks()).filter(isRunning).length;
  }
}

export const isRunning = ({ Status, DesiredState }: DockerTask): boolean =>
  Status.State === 'running' && DesiredState === 'running';

/** A small image under the names that workloads ask for: nodes have no registry to pull from. Made of the node's own shell. */
const MAKE_IMAGE = `
set -eu
docker version >/dev/null 2>&1 || exit 0
docker image inspect "$1" >/dev/null 2>&1 && exit 0
files=$(for program in /usr/bin/dash /usr/bin/sleep; do echo "$program"; ldd "$program" | grep -o '/lib[^ ]*'; done | sort -u)
tar -C / -chf - $(printf '.%s\\n' $files) |
  docker import -c 'ENTRYPOINT ["/usr/bin/dash","-c","trap exit TERM; while :; do sleep 1 & wait; done"]' - "$1" >/dev/null
`;

/** Sees to it that every node has the images, also those to come; ends when the returned function has been called. */
export function keepImages(starling: Starling, images: string[]): () => Promise<void> {
  let isOver = false;
  const have = new Set<string>();
  const supply = async (node: RealNode): Promise<void> => {
    for (const image of images) {
      const key = `${node.vmId} ${node.bootId} ${image}`;
      if (have.has(key)) continue;
      const { code } = await inNode(node, 'bash', '-c', MAKE_IMAGE, 'make-image', image).catch(() => ({ code: 1 }));
      const there = code === 0 && (await inNode(node, 'docker', 'image', 'inspect', image).catch(() => ({ code: 1 })));
      if (there && there.code === 0) have.add(key);
    }
  };
  const loop = (async () => {
    while (!isOver) {
      const up = (await realNodes(starling).catch(() => [])).filter(({ pid, power }) => pid && power === 'up');
      await Promise.all(up.map(supply));
      await wait(500);
    }
  })();
  return () => {
    isOver = true;
    return loop;
  };
}
