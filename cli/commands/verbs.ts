import { Argument, type Command } from 'commander';
import { change } from '../change';
import { usage } from '../failure';
import { clusterOf, type Common, type Session } from '../session';
import { changing, choice, deleting, integer } from './options';
import { neighbour, SIZES } from './sizes-ladder';

/** What is done to machines. */
export function addVerbs(program: Command, session: Session): void {
  addScale(program, session);
  addPower(program, session);
  addRenewals(program, session);
  addCare(program, session);
}

function addScale(program: Command, session: Session): void {
  deleting(program.command('scale').description('change the number of agents'))
    .argument('<agents>', 'how many there shall be', integer)
    .option('--park', 'deallocate those that are too many instead of deleting them: they come back faster')
    .action(async (agents: number, options: Common & { park?: true }) => {
      const c = await clusterOf(session, options);
      const reclaim = options.park ? 'park' : 'delete';
      const isFewer = !options.park && (await wishedAgents(session, c)) > agents;
      const deletes = isFewer && ('something' as const);
      await change(session, options, {
        name: 'scaleAgents',
        request: { params: { c }, body: { agents, reclaim } },
        deletes,
      });
    });
}

async function wishedAgents(session: Session, c: string): Promise<number> {
  return (await session.client().call('getCluster', { params: { c } })).body.agents.desired;
}

type Nodes = { agents?: true };

function addPower(program: Command, session: Session): void {
  changing(program.command('start').description('power on the whole cluster, or parked agents'))
    .argument('[nodes...]', 'parked agents by name or instance id; the whole cluster without any')
    .option('--agents', 'all parked agents')
    .action(async (named: string[], options: Common & Nodes) => {
      const c = await clusterOf(session, options);
      const nodes = await nodesMeant(session, c, { named, all: options.agents && isParked });
      if (nodes?.length === 0) return session.terminal.note('no agent is parked: nothing to do');
      await change(session, options, { name: 'start', request: { params: { c }, body: { nodes } } });
    });
  changing(program.command('stop').description('power off the whole cluster, or some agents, drained first'))
    .argument('[nodes...]', 'agents by name or instance id; the whole cluster without any')
    .option('--agents', 'all agents, but no master')
    .option('--keep-allocated', 'keep the cores reserved, and billed: they start for certain')
    .action(async (named: string[], options: Common & Nodes & { keepAllocated?: true }) => {
      const c = await clusterOf(session, options);
      const nodes = await nodesMeant(session, c, { named, all: options.agents && isRunning });
      if (nodes?.length === 0) return session.terminal.note('no agent is running: nothing to do');
      const body = { nodes, deallocate: !options.keepAllocated };
      await change(session, options, { name: 'stop', request: { params: { c }, body } });
    });
}

const isParked = (state: string): boolean => state === 'parked';
const isRunning = (state: string): boolean => !['parked', 'leaving', 'gone', 'failed'].includes(state);

/** undefined stands for all that the verb is for. */
async function nodesMeant(
  session: Session,
  c: string,
  { named, all }: { named: string[]; all?: (state: string) => boolean },
): Promise<string[] | undefined> {
  if (!all) return named.length > 0 ? named : undefined;
  if (named.length > 0) throw usage('--agents means all of them; nodes are named too', 'give one or the other');
  const { body } = await session.client().call('listNodes', { params: { c } });
  return body.nodes.filter(({ role, state }) => role === 'agent' && all(state)).map(({ name }) => name);
}

function addRenewals(program: Command, session: Session): void {
  changing(
    program.command('restart').description('restart agents in small batches, drained first; masters only by name'),
  )
    .argument('[nodes...]', 'by name or instance id; all agents without any')
    .action(async (named: string[], options: Common) => {
      const c = await clusterOf(session, options);
      const nodes = named.length > 0 ? named : undefined;
      await change(session, options, { name: 'restart', request: { params: { c }, body: { nodes } } });
    });
  deleting(program.command('reimage').description('give agents empty disks, drained first; they join anew'))
    .argument('[nodes...]', 'by name or instance id; all agents without any')
    .addOption(choice('--order <order>', 'one after another, or all at once', ['serial', 'parallel']).default('serial'))
    .action(async (named: string[], options: Common & { order: 'serial' | 'parallel' }) => {
      const c = await clusterOf(session, options);
      const body = { order: options.order, nodes: named.length > 0 ? named : undefined };
      await change(session, options, { name: 'reimage', request: { params: { c }, body }, deletes: 'something' });
    });
  changing(program.command('resize').description('change the size of all agents, a few at a time'))
    .addArgument(new Argument('<size>', `a size of Azure, or up or down along ${SIZES.join(', ')}`))
    .action(async (size: string, options: Common) => {
      const c = await clusterOf(session, options);
      const wanted = size === 'up' || size === 'down' ? neighbour(await sizeNow(session, c), size) : size;
      await change(session, options, { name: 'resize', request: { params: { c }, body: { size: wanted } } });
    });
}

async function sizeNow(session: Session, c: string): Promise<string> {
  return (await session.client().call('getCluster', { params: { c } })).body.spec.agents.size;
}

function addCare(program: Command, session: Session): void {
  changing(
    program.command('upgrade').description('bring masters, one at a time, then agents to a version of the engine'),
  )
    .argument('<version>', 'such as v1.36.2+k3s1, or 29.7.2 of Docker')
    .action(async (version: string, options: Common) => {
      const c = await clusterOf(session, options);
      await change(session, options, { name: 'upgrade', request: { params: { c }, body: { version } } });
    });
  deleting(
    program.command('repair').description('make a lost master anew: out of the quorum, deleted, deployed, joined'),
  )
    .argument('<master>', 'master0 to master4')
    .action(async (node: string, options: Common) => {
      const c = await clusterOf(session, options);
      await change(session, options, {
        name: 'repair',
        request: { params: { c }, body: { node } },
        deletes: 'something',
      });
    });
  for (const [verb, name, description] of CARE) {
    changing(program.command(verb).description(description)).action(async (options: Common) => {
      const c = await clusterOf(session, options);
      await change(session, options, { name, request: { params: { c }, body: {} } });
    });
  }
}

const CARE = [
  ['rebalance', 'rebalance', 'spread running workloads over all agents'],
  ['rotate', 'rotateTokens', 'make new keys for joining and a new credential for Starling'],
] as const;
