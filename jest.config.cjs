// ESM-only packages in node_modules are transformed too: Jest runs CommonJS, and Node 20 is still supported.
const esmPackages = ['pkijs', 'asn1js', 'pvtsutils', 'pvutils', 'bytestreamjs', '@noble/hashes', '@peculiar/.*', '@kubernetes/client-node', 'openid-client', 'oauth4webapi', 'jose', 'jsonpath-plus', 'cron-parser', 'zod-openapi', 'fast-check', 'pure-rand'];
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '\\.(sh|service|tpl)$|manifests/.*\\.yaml$': '<rootDir>/test/support/text-transform.cjs', '^.+\\.[cm]?[jt]sx?$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }] },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPackages.join('|')})/)`],
  testTimeout: 120000,
};
