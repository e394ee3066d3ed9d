import { Command } from 'commander';
import { addAccess } from './commands/access';
import { addChaos } from './commands/chaos';
import { addHistory } from './commands/history';
import { addLifecycle } from './commands/lifecycle';
import { addLogs } from './commands/logs';
import { addLooks } from './commands/look';
import { addOffers } from './commands/offers';
import { addOperations } from './commands/operations';
import { addVerbs } from './commands/verbs';
import { addWatch } from './commands/watch';
import { addWorkloads } from './commands/workloads';
import type { Session } from './session';

/** The whole command line but for `completion`, which reads it. Nothing happens until it is parsed. */
export function createProgram(session: Session, version: string): Command {
  const program = new Command('starling')
    .description('Elastic clusters on Azure, with nothing running while nothing happens.')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'USAGE: ').replace(/\n\(/, ' (')) })
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', AFTERWORD);
  program.exitOverride();
  addLifecycle(program, session);
  addLooks(program, session);
  addWatch(program, session);
  addVerbs(program, session);
  addChaos(program, session);
  addWorkloads(program, session);
  addOperations(program, session);
  addHistory(program, session);
  addLogs(program, session);
  addAccess(program, session);
  addOffers(program, session);
  sayWhereHelpIs(program, 'starling');
  return program;
}

/** Also what commander refuses ends with what to do next. */
function sayWhereHelpIs(command: Command, path: string): void {
  command.showHelpAfterError(`next: ${path} --help shows what there is`);
  for (const child of command.commands) sayWhereHelpIs(child, `${path} ${child.name()}`);
}

const AFTERWORD = `
A Starling that runs on this machine (npm start) is found by itself.
For one in Azure:
  STARLING_URL        its address, https://…
  STARLING_KEY        a function key, or else, after az login,
  STARLING_RESOURCE   the app as Entra ID knows it, api://…
  STARLING_CLUSTER    the cluster that is meant without --cluster

Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 conflict, 5 refused,
6 unreachable, 130 interrupted.
docs/cli.md tells the rest.`;
