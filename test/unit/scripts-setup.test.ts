import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const scripts = join(__dirname, '../../scripts');
let root: string;

beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'a folder with spaces '))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (file: string, content: string): void => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
};

/** The scripts are ES modules, which Jest cannot load: each runs in a process of its own, with `root` in scope. */
const program = (module: string, code: string): string[] => [
  '--input-type=module',
  '-e',
  `import * as m from ${JSON.stringify(pathToFileURL(join(scripts, module)).href)};
   import { appendFileSync } from 'node:fs';
   const root = ${JSON.stringify(root)};
   const note = (text) => appendFileSync(root + '/notes', text + '\\n');
   const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
   ${code}`,
];
const evaluate = (module: string, expression: string): unknown =>
  JSON.parse(execFileSync(process.execPath, program(module, `console.log(JSON.stringify(${expression}))`)).toString());
const notes = (): string[] =>
  existsSync(join(root, 'notes')) ? readFileSync(join(root, 'notes'), 'utf8').trim().split('\n') : [];

describe('the install', () => {
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', optional: true },
  };
  const isFresh = (): unknown => evaluate('install.mjs', 'm.installIsFresh(root)');
  const arrange = (installed: object): void => {
    write('package-lock.json', JSON.stringify({ packages }));
    write('node_modules/.package-lock.json', JSON.stringify({ packages: installed }));
    write('node_modules/a/package.json', '{}');
  };

  it('is fresh when all that is not optional is there, whatever the file times say', () => {
    arrange({ 'node_modules/a': { version: '1.0.0' } });
    utimesSync(join(root, 'node_modules/.package-lock.json'), 0, 0);
    expect(isFresh()).toBe(true);
  });

  it.each([
    ['a version differs', { 'node_modules/a': { version: '1.0.1' } }],
    ['a package is missing', {}],
    ['an optional package has another version', { ...packages, 'node_modules/b': { version: '1.0.0' } }],
  ])('is not fresh when %s', (_case, installed) => {
    arrange(installed);
    expect(isFresh()).toBe(false);
  });

  it('is not fresh when a listed folder was removed, or nothing was ever installed', () => {
    arrange({ 'node_modules/a': { version: '1.0.0' } });
    rmSync(join(root, 'node_modules/a'), { recursive: true });
    expect(isFresh()).toBe(false);
    rmSync(join(root, 'node_modules'), { recursive: true });
    expect(isFresh()).toBe(false);
  });
});

describe('the build', () => {
  const isFresh = (): unknown => evaluate('build-stamp.mjs', 'm.buildIsFresh(root)');
  const arrange = (): void => {
    write('shared/a.ts', 'export {};');
    write('dist/a.js', '');
    evaluate('build-stamp.mjs', "m.writeBuildStamp(root, m.hashSources(root), ['dist/a.js']) ?? null");
  };

  it('is fresh after files were only touched, as by a checkout', () => {
    arrange();
    utimesSync(join(root, 'shared/a.ts'), new Date(), new Date());
    expect(isFresh()).toBe(true);
  });

  it.each([
    ['a source changed', () => write('shared/a.ts', 'export const a = 1;')],
    ['a source was added', () => write('local/b.ts', '')],
    ['a bundle was removed', () => rmSync(join(root, 'dist/a.js'))],
    ['dist/ was removed', () => rmSync(join(root, 'dist'), { recursive: true })],
  ])('is not fresh when %s', (_case, change) => {
    arrange();
    change();
    expect(isFresh()).toBe(false);
  });
});

describe('the setup lock', () => {
  const run = promisify(execFile);
  const inside = `await m.withSetupLock(root, async ({ halfInstalled }) => { note('in ' + halfInstalled); await wait(60); note('out'); });`;

  it('lets one process in at a time', async () => {
    await Promise.all([1, 2, 3].map(() => run(process.execPath, program('setup-lock.mjs', inside))));
    expect(notes()).toEqual(['in false', 'out', 'in false', 'out', 'in false', 'out']);
    expect(evaluate('setup-lock.mjs', 'm.setupIsUnfinished(root)')).toBe(false);
  });

  it.each([
    ['while installing, and tells the next one so', 'installing(0);', 'in true'],
    ['after installing', 'installing(0); installed();', 'in false'],
  ])('outlives no holder that is killed %s', async (_case, stage, told) => {
    const code = `await m.withSetupLock(root, async ({ installing, installed }) => { ${stage} process.kill(process.pid, 'SIGKILL'); await wait(9e4); });`;
    await expect(run(process.execPath, program('setup-lock.mjs', code))).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(evaluate('setup-lock.mjs', 'm.setupIsUnfinished(root)')).toBe(true);
    await Promise.all([1, 2].map(() => run(process.execPath, program('setup-lock.mjs', inside))));
    expect(notes()).toEqual([told, 'out', 'in false', 'out']);
  });

  it('is held by an npm that has lost its parent', async () => {
    const orphan = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 90000)'], { stdio: 'ignore' });
    write('dist/.setup-lock', `999999999 installing ${orphan.pid}`);
    const heir = run(process.execPath, program('setup-lock.mjs', inside));
    await expect(
      Promise.race([heir, new Promise((resolve) => heir.child.stderr?.once('data', resolve))]),
    ).resolves.toContain('Waiting');
    expect(notes()).toEqual([]);
    orphan.kill('SIGKILL');
    await heir;
    expect(notes()).toEqual(['in true', 'out']);
  });
});

describe('scripts/run.mjs', () => {
  it('names its commands when it is asked for one that is not there', () => {
    const call = (): unknown => execFileSync(process.execPath, [join(scripts, 'run.mjs'), 'fly'], { stdio: 'pipe' });
    expect(call).toThrow(/There is no command "fly".*start, test, test:real, build/);
  });
});
