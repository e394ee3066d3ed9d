import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../../shared/config';

const repository = join(__dirname, '../..');
const bicep = readFileSync(join(repository, 'infra/modules/app.bicep'), 'utf8');
const appSettings = /name: 'appsettings'\s+properties: \{([^]*?)\n {4}\}/.exec(bicep)?.[1] ?? '';
const deployed = [...appSettings.matchAll(/^ {6}(\w+):/gm)].map(([, name]) => name ?? '');
const known: string[] = SETTINGS.map(({ name }) => name);

/** Read by the Functions host and the SDKs, not by Starling's own code. */
const PLATFORM = /^(AzureWebJobsStorage__\w+|APPLICATIONINSIGHTS_\w+|TASKHUB_NAME)$/;
/** Settings that an installation in the public cloud does not have. */
const NOT_DEPLOYED = ['STARLING_ARM_ENDPOINT', 'STARLING_ATTESTATION_ROOTS', 'AzureWebJobsStorage'];

describe('settings of the app', () => {
  test('that Bicep sets are read by somebody', () => {
    expect(deployed.length).toBeGreaterThan(10);
    expect(deployed.filter((name) => !known.includes(name) && !PLATFORM.test(name))).toEqual([]);
  });

  test('that the code reads are set by Bicep, but for those that only other places need', () => {
    expect(known.filter((name) => !deployed.includes(name)).sort()).toEqual([...NOT_DEPLOYED].sort());
  });

  test('that are required are never among those left out', () => {
    const required: string[] = SETTINGS.filter(({ required }) => required).map(({ name }) => name);
    expect(required.filter((name) => NOT_DEPLOYED.includes(name))).toEqual([]);
  });

  test('that host.json refers to are set', () => {
    const host = readFileSync(join(repository, 'host.json'), 'utf8');
    const referred = [...host.matchAll(/%(\w+)%/g)].map(([, name]) => name);
    expect(referred).toContain('TASKHUB_NAME');
    expect(referred.filter((name) => !deployed.includes(name ?? ''))).toEqual([]);
  });

  test('leave scheduled chaos off', () => {
    expect(appSettings).toMatch(/STARLING_SCHEDULED_CHAOS: 'false'/);
  });

  test('are all explained in docs/settings.md, and nothing else is', () => {
    const file = join(repository, 'docs/settings.md');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // A row of a table or an item of a list begins with the name, as code.
    const explained = [...text.matchAll(/^(?:\||[-*]) *`(\w+)`/gm)].map(([, name]) => name ?? '');
    expect(known.filter((name) => !explained.includes(name))).toEqual([]);
    expect(explained.filter((name) => !known.includes(name) && !deployed.includes(name))).toEqual([]);
  });
});
