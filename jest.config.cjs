// Packages that are ES modules only are transformed too: Jest runs CommonJS.
const esModules = [
  '@kubernetes/client-node',
  'cron-parser',
  'fast-check',
  'jose',
  'jsonpath-plus',
  'oauth4webapi',
  'openid-client',
  'pure-rand',
  'zod-openapi',
];

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // Real nodes need root and minutes: only when they are asked for, as `npm run test:real` does.
  testPathIgnorePatterns: process.argv.some((argument) => argument.includes('test/real')) ? [] : ['/test/real/'],
  transform: {
    // The bundler loads these as text.
    '\\.(sh|service|conf|asc|tpl)$|manifests/.*\\.yaml$': '<rootDir>/test/support/text-transform.cjs',
    '^.+\\.[cm]?[jt]sx?$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join('|')})/)`],
  // End-to-end tests wait for simulated time as long as they work: three at a time keep two cores busy, more would be late.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/support/sequencer.cjs',
  testTimeout: 120_000,
};
