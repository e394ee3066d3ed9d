// The import rule of the design, determinism of orchestrations, and a few limits. test/docs/lint.test.ts plants one
// fault per rule. A later `no-restricted-imports` for the same file would replace an earlier one: one entry per folder.
import tseslint from 'typescript-eslint';

/** Something in the same folder or below. */
const OWN = /\.\/(?!.*\.\.\/).*/;

/** Folders by what they may import. `may` lists all that is allowed; matched against the text between the quotes. */
const LAYERS = [
  { files: ['shared/model/**/*.ts'], may: [OWN], says: 'shared/model imports nothing but itself' },
  { files: ['shared/ports.ts'], may: [/\.\/(model|ports)\/.*/], says: 'shared/ports imports shared/model only' },
  { files: ['shared/ports/*.ts'], may: [OWN, /\.\.\/model\/.*/], says: 'shared/ports imports shared/model only' },
  {
    files: ['shared/*.ts'],
    ignores: ['shared/ports.ts'],
    may: [/\.\/(model\/.*|ports|config|log|api(\/.*)?|routes\/.*)/, /zod/, /cron-parser/, /node:.*/],
    says: 'the top of shared/ knows the model and the ports, no adapter',
  },
  {
    files: ['shared/{api,routes}/*.ts'],
    may: [OWN, /\.\.\/(model\/.*|api|ncrontab)/, /zod/],
    says: 'shapes and routes know the model',
  },
  {
    files: ['shared/{azure,engines,attestation}/**/*.ts'],
    may: [
      OWN,
      /(\.\.\/)+(?!(\.\.|azure|engines|attestation|api|routes|log|functions|orchestrations|infra|cloud-init|local|cli|test)(\/|$)).*/,
      /(?!durable-functions|@azure\/functions)[^.].*/,
    ],
    says: 'an adapter knows shared/{model,ports,config} and its SDK, no other adapter and no caller',
  },
  {
    files: ['orchestrations/*.ts'],
    ignores: ['orchestrations/durable.ts'],
    may: [/\.\/[^/]+/, /\.\.\/shared\/model\/.*/],
    says: 'an orchestration knows durable, contracts and shared/model: nothing that acts, and nothing of the outside',
  },
  {
    files: ['orchestrations/durable.ts'],
    may: [/\.\/contracts/, /durable-functions/],
    says: 'durable.ts alone knows durable-functions',
  },
  {
    files: ['orchestrations/activities/**/*.ts'],
    ignores: ['orchestrations/activities/register.ts'],
    may: [OWN, /\.\.\/contracts/, /\.\.\/\.\.\/shared\/(model\/.*|ports|log)/, /node:.*/],
    says: 'an activity knows contracts and shared/{model,ports,log}; adapters come in as arguments',
  },
  {
    files: ['orchestrations/activities/register.ts'],
    may: [OWN, /\.\.\/contracts/, /\.\.\/\.\.\/shared\/(model\/.*|ports|log)/, /durable-functions/],
    says: 'register.ts binds activities to durable-functions; adapters come in as arguments',
  },
  {
    files: ['functions/**/*.ts'],
    ignores: ['functions/index.ts'],
    may: [
      OWN,
      /\.\.\/orchestrations\/contracts/,
      /\.\.\/shared\/(model\/.*|ports|api|routes|ncrontab|config|log)/,
      /\.\.\/web\/.*/,
      /node:.*/,
      /zod(-openapi)?/,
      /yaml/,
      /@azure\/(functions|eventgrid)/,
      /durable-functions/,
    ],
    says: 'functions know contracts and shared/{model,ports,api,routes,config,log}; only functions/index.ts sees adapters',
  },
  {
    files: ['functions/index.ts'],
    may: [OWN, /\.\.\/(orchestrations|shared|infra|cloud-init|web)\/.*/, /[^.].*/],
    says: 'the product never imports local, cli or test',
  },
  {
    files: ['infra/**/*.ts', 'cloud-init/**/*.ts'],
    may: [OWN, /(\.\.\/)+shared\/model\/.*/, /[^.].*/],
    says: 'templates know shared/model only',
  },
  {
    files: ['cli/**/*.ts'],
    may: [
      OWN,
      /(\.\.\/)+shared\/(api|routes|model\/.*)/,
      /\.\.\/(?!(\.\.|functions|orchestrations|shared|infra|cloud-init|local|test|web|bench|dist)(\/|$)).*/,
      /[^.].*/,
    ],
    says: 'the CLI knows shared/{api,routes,model}; it talks HTTP',
  },
  {
    files: ['local/**/*.ts'],
    may: [
      OWN,
      /(\.\.\/)+(?!(\.\.|functions|orchestrations|shared|infra|cloud-init|cli|test|dist)(\/|$)).*/,
      /node:.*/,
      /azurite(\/.*)?/,
      /libsql/,
      /cron-parser/,
      /yaml/,
      /cli-progress/,
    ],
    says: 'the local Azure knows Azure and Node, never the app',
  },
];

/** Everything that is not on the list. */
const exceptFor = (may) => `^(?!(?:${may.map(({ source }) => source).join('|')})$)`;

const importRules = LAYERS.map(({ files, ignores = [], may, says }) => ({
  files,
  ignores,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ regex: exceptFor(may), message: `${says}.` }] }] },
}));

/** `no-restricted-imports` sees neither of these, so a layer could be crossed unnoticed. */
const UNSEEN_IMPORTS = [
  { selector: 'ImportExpression', message: 'Import at the top, where the import rule sees it.' },
  { selector: 'TSImportType', message: 'Import the type at the top, where the import rule sees it.' },
  { selector: "CallExpression[callee.name='require']", message: 'Import at the top, where the import rule sees it.' },
];

const REPLAY = 'An orchestration runs again from its start at every step and must do the same each time';
const NOT_REPLAYABLE_GLOBALS = [
  'fetch',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'crypto',
  'performance',
  'globalThis',
];
const NOT_REPLAYABLE_SYNTAX = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: `${REPLAY}: use now(context).` },
  { selector: "CallExpression[callee.name='Date']", message: `${REPLAY}: use now(context).` },
  { selector: ':function[async=true]', message: `${REPLAY}: write a generator, and do effects in an activity.` },
  { selector: 'AwaitExpression', message: `${REPLAY}: use yield* and the helpers of durable.ts.` },
];

const PRODUCT = [
  'functions/**/*.ts',
  'orchestrations/**/*.ts',
  'shared/**/*.ts',
  'cloud-init/**/*.ts',
  'infra/**/*.ts',
  'cli/**/*.ts',
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.starling/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.recommended.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    rules: {
      eqeqeq: 'error',
      'no-empty': 'error', // a swallowed error is a bug; a comment in the block says why it is none
      'no-constant-condition': ['error', { checkLoops: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  { files: [...PRODUCT, 'local/**/*.ts'], rules: { 'max-lines': ['error', 300], 'max-params': ['error', 4] } },
  { files: PRODUCT, ignores: ['orchestrations/*.ts'], rules: { 'no-restricted-syntax': ['error', ...UNSEEN_IMPORTS] } },
  {
    files: ['functions/**/*.ts', 'orchestrations/activities/**/*.ts', 'shared/**/*.ts', 'local/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
  ...importRules,
  {
    files: ['orchestrations/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...NOT_REPLAYABLE_GLOBALS.map((name) => ({ name, message: `${REPLAY}.` }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: `${REPLAY}: use now(context).` },
        { object: 'Math', property: 'random', message: `${REPLAY}.` },
      ],
    },
  },
  {
    files: ['orchestrations/*.ts'],
    ignores: ['orchestrations/durable.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...UNSEEN_IMPORTS,
        ...NOT_REPLAYABLE_SYNTAX,
        {
          selector: "MemberExpression[property.name='df']",
          message: 'Only durable.ts names context.df: use its helpers.',
        },
      ],
    },
  },
  {
    files: ['orchestrations/durable.ts'],
    rules: { 'no-restricted-syntax': ['error', ...UNSEEN_IMPORTS, ...NOT_REPLAYABLE_SYNTAX] },
  },
);
