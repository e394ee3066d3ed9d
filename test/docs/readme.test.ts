import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HELP } from '../../local/options';
import { SETTINGS } from '../../shared/config';

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const rowsOf = (page: string, heading: string): string[][] => {
  const section = page.split(`## ${heading}\n`)[1]?.split(/^## /m)[0] ?? '';
  const cells = section.split('\n').filter((line) => line.startsWith('|'));
  return cells.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const plain = (cell = ''): string => cell.replaceAll('`', '');

describe('README.md', () => {
  const readme = read('README.md');

  it('begins with the two commands', () => {
    expect(readme.match(/^npm \w+/gm)?.slice(0, 2)).toEqual(['npm start', 'npm test']);
  });

  it('lists the npm scripts as `npm run help` does', () => {
    const help = execFileSync(process.execPath, ['scripts/run.mjs', 'help'], { cwd: root }).toString();
    const listed = [...help.matchAll(/^(npm \S+(?: \S+)?) {2,}(.+)$/gm)].map(([, name, text]) => [name, text]);
    expect(rowsOf(readme, 'Commands').map(([name, text]) => [plain(name), plain(text)])).toEqual(listed);
  });

  it('lists each script of package.json, and each script goes through scripts/run.mjs', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const names = rowsOf(readme, 'Commands').map(([name]) => plain(name).replace(/^npm (run )?/, ''));
    expect(names).toEqual(Object.keys(scripts));
    expect(Object.entries(scripts).map(([name, line]) => [name, line])).toEqual(
      names.map((name) => [name, `node scripts/run.mjs ${name}`]),
    );
  });

  const pages = ['README.md', 'CHANGELOG.md', ...markdownBelow('docs')];
  it.each(pages)('and %s link only to files that are there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

describe('docs/settings.md', () => {
  it('lists the settings of the app, word for word', () => {
    const wanted = SETTINGS.map(({ name, required, purpose }) => [`\`${name}\``, required ? 'yes' : 'no', purpose]);
    expect(rowsOf(read('docs/settings.md'), 'Of the app')).toEqual(wanted);
  });

  it('lists the variables of npm start with their defaults, as its help does', () => {
    const listed = rowsOf(read('docs/settings.md'), 'Of `npm start`').map(([, name, value]) => [
      plain(name),
      plain(value),
    ]);
    const shown = [...HELP.matchAll(/^ {2}([A-Z0-9_]{4,}) .*\(([^)]+)\)$/gm)].map(([, name, value]) => [name, value]);
    expect(listed.filter(([name]) => name !== 'STARLING_DEBUG')).toEqual(shown);
  });
});

function markdownBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));
}
