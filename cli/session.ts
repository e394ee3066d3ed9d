import type { Client } from './client';
import { EXIT } from './exit-codes';
import { Failure, usage } from './failure';
import type { Terminal } from './output/terminal';

/** What each command works with. Nothing is asked of Starling before a command does so. */
export interface Session {
  client(): Client;
  terminal: Terminal;
  env: Record<string, string | undefined>;
  cwd: string;
  /** Aborted by Ctrl-C; from the first look at it on, Ctrl-C does no more than that. */
  readonly interrupted: AbortSignal;
  /** Resolves after that time, or at once after Ctrl-C. */
  sleep(milliseconds: number): Promise<void>;
  now(): number;
}

/** Options that many commands share, as commander hands them over. */
export interface Common {
  cluster?: string;
  json?: boolean;
  whatIf?: boolean;
  wait?: boolean;
  yes?: boolean;
}

export const DEFAULT_CLUSTER = 'demo';

/**
 * The cluster that is meant: `--cluster`, STARLING_CLUSTER, or the only one there is. `ifNone` names one where there is
 * none yet. When it was not named, stderr says which it is.
 */
export async function clusterOf(session: Session, { cluster }: Common, ifNone?: string): Promise<string> {
  const named = cluster ?? session.env['STARLING_CLUSTER'];
  if (named) return named;
  const { body } = await session.client().call('listClusters', { params: {} });
  const names = body.clusters.map(({ name }) => name);
  const [only] = names;
  const chosen = names.length === 0 ? ifNone : names.length === 1 ? only : undefined;
  if (chosen === undefined) throw ambiguous(names);
  session.terminal.note(`cluster ${chosen}`);
  return chosen;
}

const ambiguous = (names: string[]): Failure =>
  names.length === 0
    ? new Failure('CLUSTER_NOT_FOUND', 'there is no cluster yet', 'starling up deploys one', EXIT.notFound)
    : usage(
        `there are ${names.length} clusters: ${names.join(', ')}`,
        'say which one with --cluster or STARLING_CLUSTER',
      );
