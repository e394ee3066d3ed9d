import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STEPS } from '../../cli/tour/steps';
import { startProcess, type Ended } from '../support/cli';
import { buildOnce } from '../support/starling-process';

/** The promise of `npm run tour`, also on a busy machine; an idle one needs a third of it. */
const LIMIT_MS = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'starling-tour-test-'));
beforeAll(buildOnce);
afterAll(() => rmSync(folder, { recursive: true }));

const tour = (env: Record<string, string> = {}, ...options: string[]): Promise<Ended> => {
  const command = [process.execPath, join(__dirname, '../../scripts/run.mjs'), 'tour', ...options];
  return startProcess(command, undefined, { env: { TMPDIR: folder, ...env } }).ended;
};

describe('npm run tour', () => {
  it(
    'plays a cluster’s whole life unattended in less than three minutes, and leaves nothing behind',
    async () => {
      const startedAt = performance.now();
      const { code, stdout, stderr } = await tour();
      expect({ code, last: code === 0 ? '' : stdout.slice(-2000) + stderr.slice(-2000) }).toEqual({
        code: 0,
        last: '',
      });
      expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
      expect([...stdout.matchAll(/^\[\d+\/\d+\] (.*)$/gm)].map(([, why]) => why)).toEqual(STEPS.map(({ why }) => why));
      expect(stdout.match(/^ {4}done in \d/gm)).toHaveLength(STEPS.length);
      expect(stdout).toMatch(/verdict +passed/);
      expect(stdout).toContain('remaining: 0');
      expect(readdirSync(folder)).toEqual([]);
    },
    LIMIT_MS + 60_000,
  );

  it('ends with 1 and names the step that failed', async () => {
    const env = { STARLING_URL: 'http://127.0.0.1:9', STARLING_KEY: 'k' };
    const { code, stdout } = await tour(env, '--here');
    expect(code).toBe(1);
    expect(stdout).toContain('Step 2, deploy-storage, ended with');
    expect(readdirSync(folder)).toEqual([]);
  });
});
