import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findStarling, type Environment } from '../../cli/connection';
import { EXIT } from '../../cli/exit-codes';
import { Failure } from '../../cli/failure';

const folder = mkdtempSync(join(tmpdir(), 'starling-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const find = (env: Environment, cwd = folder) => findStarling(env, cwd, join(folder, 'nowhere'));
const failureOf = (env: Environment, cwd?: string): Failure => {
  try {
    find(env, cwd);
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('it was found');
};

function putLocal(at: string, content: string): void {
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'local.json'), content);
}

describe('a Starling elsewhere', () => {
  it('is reached with the key', async () => {
    const { url, isLocal, authorize } = find({ STARLING_URL: 'https://x.example/', STARLING_KEY: 'k' });
    expect({ url, isLocal, headers: await authorize() }).toEqual({
      url: 'https://x.example',
      isLocal: false,
      headers: { 'x-functions-key': 'k' },
    });
  });

  it('may be given with the path of its API', () => {
    expect(find({ STARLING_URL: 'https://x.example/api/', STARLING_KEY: 'k' }).url).toBe('https://x.example');
  });

  it('needs a key or somebody to sign in for', () => {
    expect(failureOf({ STARLING_URL: 'https://x.example' })).toMatchObject({ code: 'NO_KEY', exitCode: EXIT.refused });
  });

  it.each([{ STARLING_KEY: 'secret-key' }, { STARLING_RESOURCE: 'api://app' }])(
    'is refused over plain http, with %o',
    (credential) => {
      const failure = failureOf({ STARLING_URL: 'http://x.example', ...credential });
      expect(failure).toMatchObject({ exitCode: EXIT.usage });
      expect(failure.message + failure.next).not.toContain('secret-key');
    },
  );

  it.each(['http://localhost:7071', 'http://127.0.0.1:7071', 'http://[::1]:7071'])('may be %s', (url) => {
    expect(find({ STARLING_URL: url, STARLING_KEY: 'k' })).toMatchObject({ url, isLocal: true });
  });

  it.each(['http://localhost.example', 'http://127.0.0.1.example', 'http://10.0.0.1', 'ftp://x', 'x', 'https://u:p@x'])(
    'must not be %s',
    (url) => expect(failureOf({ STARLING_URL: url, STARLING_KEY: 'k' }).exitCode).toBe(EXIT.usage),
  );
});

describe('a Starling on this machine', () => {
  const address = JSON.stringify({ appUrl: 'http://127.0.0.1:7071', key: 'local' });

  it('is found from the folder upwards', async () => {
    const cwd = join(folder, 'clone', 'a', 'b');
    mkdirSync(cwd, { recursive: true });
    putLocal(join(folder, 'clone', '.starling'), address);
    const found = find({}, cwd);
    expect([found.url, await found.authorize()]).toEqual(['http://127.0.0.1:7071', { 'x-functions-key': 'local' }]);
  });

  it('is found in the clone when it is called from elsewhere', () => {
    expect(findStarling({}, tmpdir(), join(folder, 'clone')).url).toBe('http://127.0.0.1:7071');
  });

  it('is the one of STARLING_STATE_DIR, and no other', () => {
    const cwd = join(folder, 'clone');
    expect(failureOf({ STARLING_STATE_DIR: 'empty' }, cwd)).toMatchObject({
      code: 'NO_STARLING',
      exitCode: EXIT.unavailable,
    });
    putLocal(join(cwd, 'mine'), address.replace('7071', '8000'));
    expect(find({ STARLING_STATE_DIR: 'mine' }, cwd).url).toBe('http://127.0.0.1:8000');
  });

  it.each(['', '{}', '{"appUrl":1}'])('is not found in a file that holds %j', (content) => {
    const cwd = join(folder, 'damaged');
    putLocal(join(cwd, '.starling'), content);
    expect(failureOf({}, cwd).code).toBe('NO_STARLING');
  });

  it('must not have an address elsewhere, to which the key would go in clear text', () => {
    const cwd = join(folder, 'planted');
    putLocal(join(cwd, '.starling'), address.replace('127.0.0.1', 'x.example'));
    expect(failureOf({}, cwd).exitCode).toBe(EXIT.usage);
  });
});
