import { Argument, type Command } from 'commander';
import { change } from '../change';
import { EXIT } from '../exit-codes';
import { Failure } from '../failure';
import { clusterOf, DEFAULT_CLUSTER, type Common, type Session } from '../session';
import { completeSpec, describedSpec, FIRST_SPEC, readSpec, withFlags, type SpecFlags, type SpecInput } from '../spec';
import { writeNew } from '../write-new';
import { changing, choice, decimal, deleting, integer, list } from './options';

/** From nothing to a cluster and back. */
export function addLifecycle(program: Command, session: Session): void {
  specOptions(deleting(program.command('up').description('deploy a cluster, or bring it to the spec given')))
    .argument('[file]', 'a spec in YAML or JSON, as starling params writes it; else what it has, or defaults')
    .addOption(choice('--only <part>', 'storage: network and shared storage, no machines yet', ['storage']))
    .action((file: string | undefined, options: Common & SpecFlags & { only?: 'storage' }) =>
      up(session, file, options),
    );
  specOptions(program.command('params').description('print a spec for starling up, each field explained'))
    .option('--json', 'as JSON, without explanations')
    .option('--out <file>', 'write it there; never overwrites')
    .action((options: SpecFlags & { json?: true; out?: string }) => params(session, options));
  deleting(program.command('down').description('delete a cluster and prove it; asks for its name'))
    .addOption(choice('--storage <fate>', 'what becomes of the shared storage', ['keep', 'delete']).default('delete'))
    .action((options: Common & { storage: 'keep' | 'delete' }) => down(session, options));
  changing(program.command('halt').description('is automation (repairs, chaos) halted? on halts it, off lets it go on'))
    .addArgument(new Argument('[state]', 'only asks without it').choices(['on', 'off']))
    .option('--reason <text>', 'for those who wonder why', '')
    .action((state: string | undefined, options: Common & { reason: string }) => halt(session, state, options));
}

const specOptions = (command: Command): Command =>
  command
    .addOption(choice('--engine <engine>', `what runs the cluster (${FIRST_SPEC.engine})`, ['k3s', 'swarm']))
    .option('--location <name>', `a location of Azure (${FIRST_SPEC.location})`)
    .option('--engine-version <version>', 'such as v1.36.2+k3s1, or 29.7.2 of Docker')
    .option('--masters <n>', '1, 3 or 5', integer)
    .option('--master-size <size>', 'of the masters')
    .option('--agents <n>', 'how many agents', integer)
    .option('--min <n>', 'scaling never goes below', integer)
    .option('--max <n>', 'scaling never goes above', integer)
    .option('--size <size>', 'of the agents')
    .option('--spot', 'agents that Azure may take away, cheap')
    .option('--no-spot', 'agents that stay')
    .option('--max-price <dollars>', 'an hour for a Spot agent; -1 is up to the price of others', decimal)
    .option('--disk <gib>', 'of each agent', integer)
    .option('--ssh-key <file>', 'public key for SSH; starling keys makes a pair')
    .option('--ssh-from <addresses>', 'who may use SSH: addresses or networks, with commas', list)
    .option('--ssh-port <port>', 'for SSH (22)', integer)
    .option('--ingress-from <addresses>', 'who may reach ports 80 and 443 (*)', list);

async function up(
  session: Session,
  file: string | undefined,
  options: Common & SpecFlags & { only?: 'storage' },
): Promise<void> {
  const given = file === undefined ? undefined : readSpec(file);
  const c = await clusterOf(session, options, DEFAULT_CLUSTER);
  const before = await existing(session, c);
  const body = withFlags(given ?? before ?? FIRST_SPEC, options);
  const isFewer = (body.agents?.count ?? Infinity) < (before?.agents.count ?? 0);
  await change(session, options, {
    name: 'putCluster',
    request: { params: { c }, query: { only: options.only }, body },
    deletes: isFewer && 'something',
    done: () => session.terminal.print(`${c} is as it should be: nothing to do`),
  });
}

/** undefined when there is no cluster of this name yet. */
async function existing(session: Session, c: string) {
  try {
    return (await session.client().call('getCluster', { params: { c } })).body.spec;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === EXIT.notFound) return undefined;
    throw error;
  }
}

function params({ terminal, cwd }: Session, options: SpecFlags & { json?: true; out?: string }): void {
  const spec = completeSpec(withFlags(FIRST_SPEC, options) as SpecInput);
  const text = options.json ? JSON.stringify(spec, null, 2) : describedSpec(spec).trimEnd();
  if (options.out === undefined) return terminal.print(text);
  writeNew(cwd, options.out, { text: `${text}\n`, mode: 0o644 });
  terminal.note(`wrote ${options.out}; starling up ${options.out} deploys it`);
}

async function down(session: Session, options: Common & { storage: 'keep' | 'delete' }): Promise<void> {
  const c = await clusterOf(session, options);
  await change(session, options, {
    name: 'deleteCluster',
    request: { params: { c }, query: { storage: options.storage } },
    deletes: { everythingOf: c },
  });
}

async function halt(session: Session, state: string | undefined, options: Common & { reason: string }): Promise<void> {
  const say = ({ halted, reason, since }: { halted: boolean; reason: string; since: string }): void =>
    session.terminal.print(halted ? `halted since ${since}${reason && `: ${reason}`}` : 'not halted');
  if (state === undefined) {
    const { body } = await session.client().call('getHalt', { params: {} });
    return options.json ? session.terminal.print(JSON.stringify(body, null, 2)) : say(body);
  }
  const body = { halted: state === 'on', reason: options.reason };
  await change(session, options, {
    name: 'putHalt',
    request: { params: {}, body },
    done: (answer) => 'halted' in answer.body && say(answer.body),
  });
}
