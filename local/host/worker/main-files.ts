import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** The files that `main` of package.json names, sorted; it may be a glob such as `dist/functions/*.js` or `{a,b}/**\/*.js`. */
export function mainFiles(appDir: string, main: string): string[] {
  const pattern = globToRegExp(main.replace(/^\.\//, ''));
  return filesBelow(appDir)
    .filter((file) => pattern.test(relative(appDir, file).split(sep).join('/')))
    .sort();
}

function globToRegExp(glob: string): RegExp {
  const source = glob.split(/(\*\*\/|\*|\?|\{[^}]*\})/).map((part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.startsWith('{')) return `(?:${part.slice(1, -1).split(',').map(escape).join('|')})`;
    return escape(part);
  });
  return new RegExp(`^${source.join('')}$`);
}

const escape = (text: string): string => text.replace(/[.+^$()|[\]\\*?{}]/g, '\\$&');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
