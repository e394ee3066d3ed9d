import { stringify } from 'yaml';
import type { AnswerOf, RequestOf, RouteName } from './client';
import { failureOf, follow, type Operation } from './follow';
import { confirm, confirmByName } from './output/confirm';
import { duration } from './output/duration';
import type { Common, Session } from './session';

/** Routes that can be previewed are those that change something. */
export type ChangingRoute = {
  [Name in RouteName]: RequestOf<Name> extends { query?: { whatIf?: unknown } } ? Name : never;
}[RouteName];

interface WhatIf {
  whatIf: true;
  verb: string;
  would: string[];
}

/** Whether a change deletes something: then it is shown first, and somebody has to agree. */
export type Deletes = false | 'something' | { everythingOf: string };

/**
 * Carries out a change as its options say: previews it, asks before anything is deleted, begins it, shows its progress
 * and prints how it ended. Throws a Failure when it did not succeed. Answers without an operation go to `done`.
 */
export async function change<Name extends ChangingRoute>(
  session: Session,
  options: Common,
  { name, request, deletes = false, done, ...told }: Change<Name>,
): Promise<void> {
  const preview = (): Promise<WhatIf> => whatIf(session, name, request);
  if (options.whatIf) return printPreview(session, options, await preview());
  if (deletes && !options.yes) await askFirst(session, deletes, (await preview()).would);
  const answer = (await session.client().call(name, request)) as { status: number; body: unknown };
  if (answer.status === 202) return finish(session, options, answer.body as Operation, told);
  if (options.json) return session.terminal.print(JSON.stringify(answer.body, null, 2));
  done?.(answer as AnswerOf<Name>);
}

interface Change<Name extends ChangingRoute> {
  name: Name;
  request: RequestOf<Name>;
  deletes?: Deletes;
  /** What to say about an answer other than a begun operation. */
  done?(answer: AnswerOf<Name>): void;
  /** What to say about an operation that has ended, instead of its bare result. */
  describe?: Describe;
  /** What the operation does from now on, when nobody waits for it; else that it has begun. */
  begins?: string;
}

type Describe = (operation: Operation) => Promise<string[]>;

async function whatIf<Name extends ChangingRoute>(
  session: Session,
  name: Name,
  request: RequestOf<Name>,
): Promise<WhatIf> {
  const asked = { ...request, query: { ...request.query, whatIf: 'true' } } as RequestOf<Name>;
  const { body } = (await session.client().call(name, asked)) as { body: WhatIf | object };
  // A deploy of what is there already answers the cluster itself: nothing would be done.
  return 'would' in body ? body : { whatIf: true, verb: name, would: [] };
}

function printPreview({ terminal }: Session, { json }: Common, preview: WhatIf): void {
  if (json) return terminal.print(JSON.stringify(preview, null, 2));
  const { verb, would } = preview;
  if (would.length === 0) return terminal.print(`${verb}: nothing would change`);
  terminal.print(`${verb} would`);
  for (const line of would) terminal.print(`  ${line}`);
}

const askFirst = ({ terminal }: Session, deletes: Exclude<Deletes, false>, would: string[]): Promise<void> =>
  deletes === 'something' ? confirm(terminal, would) : confirmByName(terminal, deletes.everythingOf, would);

/** Waits for a begun operation unless `--no-wait`, and prints it. */
async function finish(
  session: Session,
  options: Common,
  begun: Operation,
  { describe, begins }: Pick<Change<ChangingRoute>, 'describe' | 'begins'>,
): Promise<void> {
  if (options.wait === false) return printBegun(session, options, begun, begins);
  const [ended = begun] = await follow(session, [begun.id]);
  printEnded(session, options, ended, options.json ? [] : await describe?.(ended));
}

function printBegun({ terminal }: Session, { json }: Common, operation: Operation, what = 'has begun'): void {
  if (json) return terminal.print(JSON.stringify(operation, null, 2));
  terminal.print(operation.id);
  terminal.note(`${operation.verb} ${what}; follow it with starling operations wait ${operation.id}`);
}

/** Throws when it did not succeed. */
export function printEnded(
  { terminal }: Pick<Session, 'terminal'>,
  { json }: Common,
  operation: Operation,
  lines = resultLines(operation.result),
): void {
  const failure = failureOf(operation);
  if (json) terminal.print(JSON.stringify(operation, null, 2));
  else {
    if (!failure) terminal.print(headline(operation));
    for (const line of lines) terminal.print(`  ${line}`);
  }
  if (failure) throw failure;
}

function headline({ verb, cluster, startedAt, endedAt }: Operation): string {
  const took = duration(Date.parse(endedAt ?? startedAt) - Date.parse(startedAt));
  return `${verb} of ${cluster} succeeded after ${took}`;
}

/** Lists in which nothing stands say nothing. */
function resultLines(result: unknown): string[] {
  const told = Object.entries(result ?? {}).filter(([, value]) => !(Array.isArray(value) && value.length === 0));
  return told.length === 0 ? [] : stringify(Object.fromEntries(told), { lineWidth: 0 }).trimEnd().split('\n');
}
