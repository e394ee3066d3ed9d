import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/**
 * There is no Bicep compiler in npm, so what it would find first is looked for here: open brackets, missing modules,
 * names that nobody declared, parameters and outputs that do not fit.
 */

const repository = join(__dirname, '../..');
const infra = join(repository, 'infra');
const files = [
  join(infra, 'main.bicep'),
  ...readdirSync(join(infra, 'modules')).map((name) => join(infra, 'modules', name)),
];

interface Bicep {
  file: string;
  text: string;
  /** Comments and the inside of strings taken out; what strings interpolate stays. */
  code: string;
}

const IN_CODE = /'''[^]*?'''|\/\/[^\n]*|\/\*[^]*?\*\/|[{}']|[^'/{}]+|[^]/y;
const IN_STRING = /\\.|\$\{|'|[^'\\$]+|[^]/y;

/** One pass from left to right. `${…}` inside a string is code again, so it needs a stack. */
function codeOf(text: string): string {
  const open: ('string' | '{' | '${')[] = [];
  let code = '';
  for (let at = 0; at < text.length;) {
    const inside = open.at(-1);
    const token = inside === 'string' ? IN_STRING : IN_CODE;
    token.lastIndex = at;
    const part = token.exec(text)?.[0] ?? '';
    at += part.length;
    if (inside === 'string') {
      if (part === "'") open.pop();
      if (part === '${') open.push('${');
      code += part === '${' ? ' (' : part === "'" ? ' ' : '';
    } else if (part === '}' && inside === '${') {
      open.pop();
      code += ') ';
    } else if (part === "'") {
      open.push('string');
    } else {
      if (part === '{') open.push('{');
      if (part === '}') open.pop();
      code += /^(\/\/|\/\*|''')/.test(part) ? ' ' : part;
    }
  }
  // A string that never ends swallows what follows; shown as a bracket that never closes.
  return open.includes('string') ? `${code}(` : code;
}

const load = (file: string): Bicep => {
  const text = readFileSync(file, 'utf8');
  return { file, text, code: codeOf(text) };
};

const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '');
const declared = ({ text }: Bicep): string[] => [
  ...all(text, /^\s*(?:param|var|resource|module) (\w+)/gm),
  ...all(text, /\bfor (\w+) in\b/g),
];
const params = ({ text }: Bicep): { name: string; optional: boolean }[] =>
  [...text.matchAll(/^param (\w+) \w+( =)?/gm)].map(([, name = '', initial]) => ({ name, optional: Boolean(initial) }));
const outputs = ({ text }: Bicep): string[] => all(text, /^output (\w+)/gm);

/** The text between the bracket that opens at or after `from` and its partner. */
function block(text: string, from: number): string {
  const start = text.indexOf('{', from);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return text.slice(start + 1, at);
  }
  return '';
}

const modules = ({ file, text }: Bicep): { name: string; path: string; given: string[] }[] =>
  [...text.matchAll(/^module (\w+) '([^']+)'/gm)].map((match) => {
    const body = block(text, match.index);
    const given = all(block(body, body.indexOf('params:')), /(?:^|[\n,{])\s*(\w+):/g);
    return { name: match[1] ?? '', path: join(dirname(file), match[2] ?? ''), given };
  });

function unbalanced(code: string): string[] {
  const partner: Record<string, string> = { '}': '{', ')': '(', ']': '[' };
  const open: string[] = [];
  for (const [bracket] of code.matchAll(/[{}()[\]]/g)) {
    if (!partner[bracket]) open.push(bracket);
    else if (open.pop() !== partner[bracket]) return [bracket];
  }
  return open;
}

/** Names in value position: what follows `:`, `=`, `?`, `(`, `,`, `[` and is not itself the name of a property or a call. */
function used({ code }: Bicep): string[] {
  const body = code.replace(/^\s*(?:output|param) .*?(?==|$)/gm, '').replace(/^\s*(?:targetScope\b.*|@.*)$/gm, '');
  const words = all(body, /(?<![\w.:]|:: *)([a-zA-Z]\w*)(?!\w)(?!\s*[:(])(?=[\s.,)\]!?:]|$)/g);
  const language = [
    'resource',
    'module',
    'param',
    'var',
    'output',
    'if',
    'for',
    'in',
    'true',
    'false',
    'null',
    'existing',
  ];
  return [...new Set(words)].filter((word) => !language.includes(word));
}

describe.each(files.map((file) => [file.slice(infra.length + 1), load(file)]))('%s', (_name, bicep) => {
  test('closes every bracket and every string', () => {
    expect(unbalanced(bicep.code)).toEqual([]);
  });

  test('uses only names that it declares, and declares none in vain', () => {
    const names = declared(bicep);
    expect(used(bicep).filter((name) => !names.includes(name))).toEqual([]);
    const values = [...params(bicep).map(({ name }) => name), ...all(bicep.text, /^var (\w+)/gm)];
    const unused = values.filter((name) => !new RegExp(`(?<!param |var )\\b${name}\\b(?!:)`).test(bicep.code));
    expect(unused).toEqual([]);
  });

  test('gives each module what it asks for and takes what it puts out', () => {
    for (const { name, path, given } of modules(bicep)) {
      expect([name, existsSync(path)]).toEqual([name, true]);
      const target = load(path);
      const asked = params(target);
      expect([name, given.filter((param) => !asked.some((one) => one.name === param))]).toEqual([name, []]);
      const needed = asked.filter(({ optional }) => !optional).map((one) => one.name);
      expect([name, needed.filter((param) => !given.includes(param))]).toEqual([name, []]);
      const taken = all(bicep.code, new RegExp(`\\b${name}!?\\.outputs\\.(\\w+)`, 'g'));
      expect([name, taken.filter((output) => !outputs(target).includes(output))]).toEqual([name, []]);
    }
  });

  test('names an API version for every resource', () => {
    const types = all(bicep.text, /^resource \w+ '([^']+)'/gm);
    expect(types.filter((type) => !/^Microsoft\.\w+(\/\w+)+@\d{4}-\d\d-\d\d$/.test(type))).toEqual([]);
  });

  test('holds no key and no password', () => {
    expect(bicep.code).not.toMatch(/listKeys|AccountKey|listCredentials|securestring/i);
  });
});

test('every module is used', () => {
  const taken = modules(load(join(infra, 'main.bicep'))).map(({ path }) => path);
  expect(files.slice(1).filter((file) => !taken.includes(file))).toEqual([]);
});

test('parameters given to azd exist, and required ones are given', () => {
  const { parameters } = JSON.parse(readFileSync(join(infra, 'main.parameters.json'), 'utf8')) as {
    parameters: object;
  };
  const asked = params(load(join(infra, 'main.bicep')));
  expect(Object.keys(parameters).filter((name) => !asked.some((one) => one.name === name))).toEqual([]);
  expect(asked.filter(({ name, optional }) => !optional && !(name in parameters))).toEqual([]);
});

test('azd finds the service by the tag of its site', () => {
  const azure = parse(readFileSync(join(repository, 'azure.yaml'), 'utf8')) as { services: object };
  const tags = all(readFileSync(join(infra, 'modules/app.bicep'), 'utf8'), /'azd-service-name': '(\w+)'/g);
  expect(Object.keys(azure.services)).toEqual(tags);
});

test('storage refuses account keys, and the app has one identity whose roles are few', () => {
  expect(load(join(infra, 'modules/storage.bicep')).code).toMatch(/allowSharedKeyAccess: false/);
  const contributors = files.filter((file) =>
    readFileSync(file, 'utf8').includes('b24988ac-6180-42a0-ab88-20f7382dd24c'),
  );
  expect(contributors).toEqual([join(infra, 'modules/cluster-rights.bicep')]);
  const rights = readFileSync(join(infra, 'modules/cluster-rights.bicep'), 'utf8');
  expect(
    all(rights, /^\s+'(Microsoft\.[^']+)'$/gm).filter((action) =>
      /Authorization|^Microsoft\.\w+\/\*|KeyVault/.test(action),
    ),
  ).toEqual([]);
});

describe('what is sent to Azure', () => {
  const patterns = readFileSync(join(repository, '.funcignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('/'));
  const toRegExp = (pattern: string): RegExp =>
    new RegExp(`^${pattern.replace(/[.+]/g, '\\$&').replace(/\*/g, '[^/]*')}$`);
  const ignored = (path: string): boolean => patterns.some((pattern) => toRegExp(pattern).test(path));

  test('is the bundle, host.json and package.json, and nothing else of the repository', () => {
    const sent = readdirSync(repository).filter((name) => !ignored(`/${name}`));
    expect(sent.filter((name) => !['dist', 'host.json', 'package.json'].includes(name))).toEqual([]);
    expect(['/dist', '/dist/functions', '/host.json', '/package.json'].filter(ignored)).toEqual([]);
    expect(ignored('/dist/local')).toBe(true);
  });
});

describe('this check finds', () => {
  const check = (text: string): Bicep => ({ file: '', text, code: codeOf(text) });

  test('an open bracket, also behind a string that looks like one', () => {
    expect(unbalanced(codeOf("var a = { b: '}' // }\n"))).toEqual(['{']);
    expect(unbalanced(codeOf("var a = '${foo('x')}'\nvar b = [1]"))).toEqual([]);
    expect(unbalanced(codeOf("var a = 'https://x\nvar b = [1]"))).toEqual(['(']);
  });

  test('a name that nobody declared, also inside a string', () => {
    const bicep = check("param a string\nvar b = {\n  c: a\n  d: wrong.outputs.x\n  e: '${alsoWrong}-${a}'\n}\n");
    expect(used(bicep).filter((name) => !declared(bicep).includes(name))).toEqual(['wrong', 'alsoWrong']);
  });
});
