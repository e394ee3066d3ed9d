import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EXIT } from '../../cli/exit-codes';
import { createProgram } from '../../cli/program';
import type { Session } from '../../cli/session';
import { completeSpec, FIELDS, FIRST_SPEC } from '../../cli/spec';
import { ADMIN_USER } from '../../cli/ssh';
import { STEPS } from '../../cli/tour/steps';
import { ADMIN_USER as DEPLOYED_USER } from '../../infra/cluster/machines';
import { ROUTES, type Route } from '../../shared/routes';

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const hasMake = spawnSync('make', ['--version']).status === 0;

/** Cells of the table under that heading, without backquotes. */
function rowsOf(page: string, heading: string): string[][] {
  const section = page.split(`## ${heading}\n`)[1]?.split(/^## /m)[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')),
  );
}

function leaves(command: Command, path: string[] = []): [string, string][] {
  return command.commands.flatMap((each): [string, string][] => {
    const words = [...path, each.name()];
    if (each.commands.length > 0) return leaves(each, words);
    const args = each.registeredArguments.map((argument) => {
      const name = argument.name() + (argument.variadic ? '...' : '');
      return argument.required ? `<${name}>` : `[${name}]`;
    });
    return [[[...words, ...args].join(' '), each.description()]];
  });
}

describe('docs/cli.md', () => {
  const page = read('docs/cli.md');
  const program = createProgram({ terminal: {}, env: {} } as Session, '0');

  it('lists the commands of the program with their arguments and descriptions, in their order', () => {
    const built = [...leaves(program), ['completion <shell>', 'Generate shell completion scripts']];
    expect(rowsOf(page, 'Commands')).toEqual(built);
  });

  it('lists the exit codes', () => {
    expect(rowsOf(page, 'Exit codes').map(([code]) => Number(code))).toEqual(Object.values(EXIT));
  });
});

describe('the command line', () => {
  const sources = readdirSync(join(root, 'cli'), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(`cli/${file}`))
    .join('\n');

  it('uses every route that an operator may call', () => {
    const routes = Object.values<Route>(ROUTES).filter(({ auth }) => auth === 'key');
    expect(routes.map(({ name }) => name).filter((name) => !sources.includes(`'${name}'`))).toEqual([]);
  });

  it('explains every field of a spec, and no other', () => {
    const paths = (value: object, before = ''): string[] =>
      Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
        const isPlain = typeof field !== 'object' || field === null || Array.isArray(field);
        return [`${before}${key}`, ...(isPlain ? [] : paths(field, `${before}${key}.`))];
      });
    expect(Object.keys(FIELDS).sort()).toEqual(paths(completeSpec(FIRST_SPEC)).sort());
  });

  it('signs in on machines as the user that they are deployed with', () => {
    expect(ADMIN_USER).toBe(DEPLOYED_USER);
  });
});

describe('docs/coming-from-the-makefiles.md', () => {
  const rows = rowsOf(read('docs/coming-from-the-makefiles.md'), 'Targets');
  const makefile = read('Makefile');

  it('lists the targets of the Makefile, and no other', () => {
    const targets = [...makefile.matchAll(/^([a-z%-]+):.*## /gm)].map(([, target]) => target);
    expect(rows.map(([target]) => target).sort()).toEqual(targets.sort());
  });

  it('has every target that the old Makefiles had, but for what they only defined for themselves', () => {
    const OLD =
      'keys deploy-storage params deploy-compute deploy-cluster redeploy view-deployment watch-deployment list-agents show-agents ' +
      'scale-agents-% stop-agents start-agents resize-agents-up resize-agents-down reimage-agents-parallel reimage-agents-serial ' +
      'chaos-monkey list-endpoints list-locations list-sizes list-images proxy tail-helper deploy-monitor kill-monitor ' +
      'deploy-replicated-service deploy-global-service scale-service-% update-service deploy-stack destroy-global-service ' +
      'destroy-service destroy-stack destroy-cluster destroy-compute destroy-storage clean create-shares locations sizes resources';
    const now = rows.map(([target]) => target);
    expect(OLD.split(' ').filter((target) => !now.includes(target))).toEqual([]);
  });

  (hasMake ? it : it.skip)('says what each target calls (needs make)', () => {
    const said = rows.filter(([, calls]) => calls?.startsWith('starling'));
    const called = said.map(([target]) =>
      dryRun(target!.replace('%', 'N')).map((line) => line.replace(' --cluster demo', '')),
    );
    expect(called.map((lines) => lines.join(', '))).toEqual(said.map(([, calls]) => calls));
  });

  (hasMake ? it : it.skip)('tells of a tour whose steps call what the targets call (needs make)', () => {
    const inTour = STEPS.map(({ starling, isAnywhere }) =>
      ['starling', ...starling, ...(isAnywhere ? [] : ['--cluster', 'tour'])].sort().join(' '),
    );
    const byMake = STEPS.map(({ target }) =>
      dryRun(target, 'CLUSTER=tour', 'YES=1').join().split(/\s+/).sort().join(' '),
    );
    expect(byMake).toEqual(inTour);
  });

  function dryRun(target: string, ...variables: string[]): string[] {
    const text = execFileSync('make', ['-n', '-s', target, 'STARLING=starling', ...variables], {
      cwd: root,
      encoding: 'utf8',
    });
    return text
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' ').trim());
  }
});
