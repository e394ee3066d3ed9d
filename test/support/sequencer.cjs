// The order in which Jest takes the test files: slow ones first, so that no worker is left alone with one at the end.
// Two that keep a core busy all the time do not stand side by side: both would be late, and whatever runs beside them.
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;

const FIRST = [
  'e2e/endurance',
  'e2e/large-cluster', // busy
  'e2e/blocked-drain',
  'e2e/cli', // busy
  'e2e/tour',
  'simulation/seeded-life',
  'e2e/verbs', // busy
  'e2e/verbs-crash',
  'e2e/main-crash',
  'e2e/makefile', // busy
  'e2e/main-drift',
  'e2e/swarm-traps',
  'e2e/main-lifecycle',
  'e2e/chaos', // busy
  'e2e/workloads',
  'e2e/main-events',
  'e2e/secrets', // busy
  'e2e/masters',
  'e2e/swarm-masters',
  'e2e/swarm-verbs',
  'contract/swarm-services', // busy
  'e2e/swarm-lifecycle',
  'e2e/swarm-secrets',
  'e2e/swarm-workloads',
  'contract/engine-swarm', // busy
  'e2e/main-faults',
  'docs/lint', // busy
  'e2e/main-limits',
  'contract/vault',
  'e2e/main-concurrency', // busy
  'unit/cloud-init-events',
  'e2e/join-ticket',
  'replay/orchestrations', // busy
  'e2e/join-refused',
  'e2e/host-durable-faults',
  'contract/engine-k3s', // busy
].map((name) => join(__dirname, '..', `${name}.test.ts`));

const gone = FIRST.filter((path) => !existsSync(path));
if (gone.length > 0) throw new Error(`Take out of ${__filename}, or rename there: ${gone.join(', ')}`);

/** Those that are not listed come last, in Jest's own order. */
const placeOf = ({ path }) => (FIRST.includes(path) ? FIRST.indexOf(path) : FIRST.length);

module.exports = class extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((one, other) => placeOf(one) - placeOf(other));
  }
};
