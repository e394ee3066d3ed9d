import { execFileSync } from 'node:child_process';

interface Sample {
  file: string;
  text: string;
}

/** One process for all samples: loading the type checker takes longer than the linting. */
function brokenRules(samples: Sample[]): string[][] {
  const output = execFileSync(process.execPath, ['scripts/lint-text.mjs'], { input: JSON.stringify(samples) });
  return JSON.parse(output.toString()) as string[][];
}

/** One import a line; in one text, because the type checker looks at each text anew. */
const importing = (file: string, ...specifiers: string[]): Sample => ({
  file,
  text: specifiers.map((specifier) => `export * from '${specifier}';\n`).join(''),
});

const IMPORT_FAULTS = [
  importing('shared/model/plan.ts', '../ports', '../azure/cloud', 'node:crypto', 'zod', '../../functions/begin'),
  importing('shared/ports.ts', './config', './azure/cloud', 'node:fs'),
  importing('shared/config.ts', './azure/cloud', './engines/connect', '../functions/begin', '@azure/identity'),
  importing('shared/api/requests.ts', '../ports', '../config', '../azure/cloud', 'node:fs', '../../functions/begin'),
  importing('shared/routes/verbs.ts', '../ports', '../azure/cloud', '../../cli/main', '@azure/functions'),
  importing('shared/azure/cloud.ts', '../api/requests', '../routes/verbs', '../log'),
  importing('shared/azure/cloud.ts', '../engines/connect', '../attestation/verifier', '../../functions/begin'),
  importing('shared/azure/cloud.ts', '../../orchestrations/contracts', '../../local/clock', 'durable-functions'),
  importing('shared/engines/connect.ts', '../azure/cloud', '../../local/clock', '../../test/support/records'),
  importing('shared/attestation/verifier.ts', '../azure/cloud', '../../infra/cluster/names'),
  importing('orchestrations/scale-cluster.ts', 'node:crypto', '@azure/arm-compute', 'durable-functions'),
  importing('orchestrations/scale-cluster.ts', './activities/register', '../shared/ports', '../shared/azure/cloud'),
  importing('orchestrations/durable.ts', '@azure/arm-compute', '../shared/ports', 'node:timers'),
  importing('orchestrations/activities/scaling.ts', '../../shared/azure/cloud', '../scale-cluster', '../durable'),
  importing('orchestrations/activities/scaling.ts', '../../shared/engines/connect', '@azure/arm-compute'),
  importing('orchestrations/activities/register.ts', '../../shared/azure/cloud'),
  importing('functions/clusters.ts', '../shared/azure/cloud', '../shared/engines/connect', '../local/clock'),
  importing('functions/clusters.ts', '../orchestrations/scale-cluster', '@azure/arm-compute', '../infra/cluster/names'),
  importing('functions/index.ts', '../local/start', '../cli/main', '../test/support/records'),
  importing('infra/cluster/names.ts', '../../shared/ports', '../../functions/begin', '../../local/clock'),
  importing('cloud-init/render.ts', '../shared/config', '../infra/cluster/names'),
  importing('cli/main.ts', '../shared/ports', '../functions/clusters', '../local/start'),
  importing('local/start.ts', '../shared/model/node', '../functions/index', '../orchestrations/contracts'),
  importing('local/azure/http.ts', '../../infra/cluster/names', '../../cloud-init/render', '@azure/arm-compute'),
];

const IMPORTS_ALLOWED = [
  importing('shared/model/plan.ts', './node'),
  importing('shared/ports.ts', './model/node'),
  importing('shared/config.ts', './model/errors'),
  importing('shared/api/requests.ts', './fields', '../model/chaos', 'zod'),
  importing('shared/routes/verbs.ts', './route', '../api', 'zod'),
  importing('shared/azure/cloud.ts', '../ports', '../model/node', '../config', '@azure/arm-compute', './errors'),
  importing('shared/azure/tables/nodes.ts', '../errors', '../../ports', '../../model/node'),
  importing('orchestrations/scale-cluster.ts', './durable', './contracts', '../shared/model/node'),
  importing('orchestrations/durable.ts', 'durable-functions', './contracts'),
  importing('orchestrations/activities/scaling.ts', '../contracts', '../../shared/ports', '../../shared/model/node'),
  importing('functions/clusters.ts', '../orchestrations/contracts', '../shared/ports', '../shared/api', 'zod'),
  importing('functions/index.ts', '../shared/azure/cloud', '../orchestrations/scale-cluster', './http'),
  importing('cli/main.ts', '../shared/api', '../shared/routes', '../shared/model/node', 'node:util'),
  importing('local/start.ts', './clock', 'node:http', 'libsql', 'azurite'),
  importing('local/azure/arm/routes.ts', '../../engines/k3s/k3s', '../http'),
  importing('test/docs/lint.test.ts', '../../shared/azure/cloud', '../../local/start'),
];

const inOrchestration = (expression: string): Sample => ({
  file: 'orchestrations/scale-cluster.ts',
  text: `export const planted = ${expression};\n`,
});

const REPLAY_FAULTS: [string, Sample][] = [
  ['no-restricted-properties', inOrchestration('Date.now()')],
  ['no-restricted-properties', inOrchestration('Math.random()')],
  ['no-restricted-syntax', inOrchestration('new Date()')],
  ['no-restricted-syntax', inOrchestration('Date()')],
  ['no-restricted-syntax', inOrchestration('async () => 1')],
  ['no-restricted-syntax', { file: 'orchestrations/scale-cluster.ts', text: 'await Promise.resolve();\nexport {};\n' }],
  ['no-restricted-syntax', inOrchestration('(context: { df: unknown }) => context.df')],
  ['no-restricted-syntax', inOrchestration("import('node:crypto')")],
  ['no-restricted-syntax', { ...inOrchestration('new Date()'), file: 'orchestrations/durable.ts' }],
  ...['fetch', 'process', 'setTimeout', 'setInterval', 'setImmediate', 'crypto', 'performance', 'globalThis'].map(
    (name): [string, Sample] => ['no-restricted-globals', inOrchestration(name)],
  ),
];

const OTHER_FAULTS: [string, Sample][] = [
  ['@typescript-eslint/no-explicit-any', { file: 'shared/model/plan.ts', text: 'export const planted: any = 1;\n' }],
  ['no-empty', { file: 'shared/model/plan.ts', text: 'try {\n  JSON.parse("{");\n} catch {}\nexport {};\n' }],
  ['eqeqeq', { file: 'local/clock.ts', text: 'export const planted = (a: string) => a == "b";\n' }],
  ['max-lines', { file: 'local/clock.ts', text: 'export {};\n'.repeat(301) }],
  [
    'max-params',
    {
      file: 'functions/begin.ts',
      text: 'export type F = 1;\nexport const f = (a: F, b: F, c: F, d: F, e: F) => [a, b, c, d, e];\n',
    },
  ],
  ['@typescript-eslint/no-unused-vars', { file: 'local/clock.ts', text: 'const planted = 1;\nexport {};\n' }],
  [
    'no-restricted-syntax',
    { file: 'functions/begin.ts', text: "export const planted = import('../shared/azure/cloud');\n" },
  ],
  [
    'no-restricted-syntax',
    { file: 'functions/begin.ts', text: "export type P = import('../shared/azure/cloud').P;\n" },
  ],
  ...['functions/begin.ts', 'orchestrations/activities/scaling.ts', 'shared/config.ts', 'local/clock.ts'].map(
    (file): [string, Sample] => [
      '@typescript-eslint/no-floating-promises',
      { file, text: 'async function planted(): Promise<void> {}\nexport function f(): void {\n  planted();\n}\n' },
    ],
  ),
];

const CLEAN: Sample[] = [
  ...IMPORTS_ALLOWED,
  inOrchestration('new Date(0).toISOString()'),
  { file: 'shared/azure/cloud.ts', text: 'export const now = (): number => Date.now();\n' },
  { file: 'local/clock.ts', text: 'export const wait = async (): Promise<void> => undefined;\n' },
];

const SINGLE_FAULTS = [...REPLAY_FAULTS, ...OTHER_FAULTS];
const withoutLine = (fault: string): string => fault.replace(/:\d+$/, '');

describe('the linter', () => {
  const results = brokenRules([...IMPORT_FAULTS, ...SINGLE_FAULTS.map(([, sample]) => sample), ...CLEAN]);
  const singles = results.slice(IMPORT_FAULTS.length);
  const clean = singles.slice(SINGLE_FAULTS.length);

  it.each(IMPORT_FAULTS.map((sample, index) => ({ ...sample, index })))(
    'refuses every import that is not allowed in $file (list $index)',
    ({ text, index }) =>
      expect(results[index]).toEqual(
        text
          .trim()
          .split('\n')
          .map((_, line) => `no-restricted-imports:${line + 1}`),
      ),
  );

  it.each(
    SINGLE_FAULTS.map(([rule, { file, text }], index) => ({ rule, file, text: text.slice(0, 50).trim(), index })),
  )('reports $rule in $file for: $text', ({ rule, index }) => expect(singles[index]?.map(withoutLine)).toEqual([rule]));

  it.each(CLEAN.map(({ file }, index) => ({ file, index })))(
    'accepts what is allowed in $file (sample $index)',
    ({ index }) => expect(clean[index]).toEqual([]),
  );
});
