// What every npm script calls first: makes sure that a fresh clone is installed and built, then does the work.
// Plain Node without dependencies, because there may be none yet.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const startedIn = process.cwd();
/** npm changes to the root first, and says where it was called. */
const calledFrom = () =>
  process.env.npm_lifecycle_event === 'starling' ? (process.env.INIT_CWD ?? startedIn) : startedIn;

/** `help` is shown by `npm run help` and repeated in the README; a test compares the two. */
export const COMMANDS = {
  start: {
    help: 'everything on this machine: local Azure, the app, a demo cluster',
    needs: 'build',
    run: runBuilt('local/start.js'),
  },
  test: {
    help: 'every test; arguments go to Jest',
    needs: 'build',
    run: runTools((args) => [['jest/bin/jest.js', args]]),
  },
  'test:real': {
    help: 'clusters on real nodes: systemd, cloud-init, Docker; needs Linux and root, else skips and says why',
    needs: 'build',
    run: runTools((args) => [['jest/bin/jest.js', ['--maxWorkers=2', 'test/real', ...args]]]),
  },
  build: { help: 'bundles into dist/', needs: 'build', run: () => console.log('dist/ is up to date') },
  typecheck: {
    help: 'checks all types',
    needs: 'install',
    run: runTools((args) => [['typescript/bin/tsc', ['-p', '.', ...args]]]),
  },
  lint: { help: 'ESLint and Prettier, changing nothing', needs: 'install', run: runTools(lintTools('--check')) },
  format: { help: 'ESLint fixes and Prettier, in place', needs: 'install', run: runTools(lintTools('--write')) },
  host: {
    help: 'the Functions host alone, for any app; see local/host/README.md',
    needs: 'build',
    run: runBuilt('local/host/main.js'),
  },
  openapi: {
    help: 'prints the OpenAPI document',
    needs: 'install',
    run: async () => (await import('./openapi.mjs')).printOpenApi(root),
  },
  starling: {
    help: 'the command line; docs/cli.md explains it',
    needs: 'bundle',
    run: async (args) => {
      process.chdir(calledFrom()); // files that it is given are the caller's
      await runBuilt('cli/main.js')(args);
    },
  },
  tour: { help: 'a cluster’s whole life in three minutes', needs: 'build', run: runBuilt('cli/tour.js') },
  help: { help: 'this list', needs: 'nothing', run: printHelp },
};

function lintTools(prettierMode) {
  const fix = prettierMode === '--write' ? ['--fix'] : [];
  return () => [
    ['eslint/bin/eslint.js', [...fix, '.']],
    ['prettier/bin/prettier.cjs', [prettierMode, '--log-level', 'warn', '.']],
  ];
}

const require = createRequire(import.meta.url);

/** In this same process, so that signals reach it and no idle parent stays behind. */
function runBuilt(file) {
  return async (args) => {
    const path = join(root, 'dist', file);
    process.argv = [process.argv[0], path, ...args];
    require(path); // import() would first search all of the bundle for names that it exports: 0.3 s
  };
}

/** Every tool runs, also after one has found faults, so that one run shows all of them. */
function runTools(list) {
  return async (args) => {
    const { runTool } = await import('./tool.mjs');
    for (const [bin, toolArgs] of list(args)) {
      const code = await runTool(root, bin, toolArgs);
      if (code !== 0) process.exitCode = code;
    }
  };
}

function printHelp() {
  const npmName = (name) => (name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`);
  for (const [name, { help }] of Object.entries(COMMANDS)) console.log(`${npmName(name).padEnd(18)} ${help}`);
  console.log('\nArguments come after --, as in: npm start -- --empty');
}

/** `engines.node` of package.json is the one place that names the oldest Node. */
function refuseOldNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [major, minor] = engines.node.replace('>=', '').split('.').map(Number);
  const [actualMajor, actualMinor] = process.versions.node.split('.').map(Number);
  if (actualMajor > major || (actualMajor === major && actualMinor >= minor)) return;
  throw new Error(
    `Starling needs Node.js ${major}.${minor} or newer; this is ${process.versions.node} (${process.execPath}).`,
  );
}

/** Runs one of the commands. */
export async function main([name = 'help', ...args]) {
  refuseOldNode();
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new Error(`There is no command "${name}". These are: ${Object.keys(COMMANDS).join(', ')}.`);
  process.chdir(root); // npm does so too; this is for `node scripts/run.mjs` from elsewhere
  if (command.needs !== 'nothing') {
    const { prepare } = await import('./prepare.mjs');
    await prepare(root, command.needs);
  }
  await command.run(args[0] === '--' ? args.slice(1) : args);
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Error && !process.env.STARLING_DEBUG ? error.message : error);
    process.exit(1);
  });
}
