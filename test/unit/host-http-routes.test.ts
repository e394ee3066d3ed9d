import type { FunctionMetadata } from '../../local/host/contract';
import { parseRouteTemplate } from '../../local/host/http/route-template';
import { buildRoutes, matchRoute } from '../../local/host/http/routes';

const match = (template: string, path: string): Record<string, string> | undefined =>
  parseRouteTemplate(template).match(path.split('/').filter(Boolean));

describe('a route template', () => {
  test.each([
    ['clusters/{name}', 'clusters/demo', { name: 'demo' }],
    ['Clusters/{name}', 'cLUSTERS/Demo', { name: 'Demo' }],
    ['hello/{name?}', 'hello', {}],
    ['hello/{name=world}', 'hello', { name: 'world' }],
    ['page/{n:int=1}', 'page', { n: '1' }],
    ['files/{*path}', 'files/a/b/c.txt', { path: 'a/b/c.txt' }],
    ['files/{*path}', 'files', {}],
    ['items/{id:int}', 'items/-12', { id: '-12' }],
    ['items/{id:guid}', 'items/8c2f7a0e-1111-2222-3333-444455556666', { id: '8c2f7a0e-1111-2222-3333-444455556666' }],
    ['logs/{day:length(4)}-{part}', 'logs/2026-x', { day: '2026', part: 'x' }],
    ['v/{tag:regex(^v\\d{{1,2}}$)}', 'v/v12', { tag: 'v12' }],
    ['n/{count:min(2):max(5)}', 'n/3', { count: '3' }],
    ['{ignored:maxlength(0)?}', '', {}],
    ['', '', {}],
  ])('%s fits /%s', (template, path, expected) => {
    expect(match(template, path)).toEqual(expected);
  });

  test.each([
    ['clusters/{name}', 'clusters'],
    ['clusters/{name}', 'clusters/a/b'],
    ['items/{id:int}', 'items/x'],
    ['items/{id:int}', 'items/99999999999'],
    ['items/{id:bool}', 'items/yes'],
    ['n/{count:range(2,5)}', 'n/6'],
    ['v/{tag:regex(^v\\d{{1,2}}$)}', 'v/v123'],
    ['{ignored:maxlength(0)?}', 'x'],
    ['a.b/{x}', 'aXb/1'],
  ])('%s does not fit /%s', (template, path) => {
    expect(match(template, path)).toBeUndefined();
  });

  test.each(['x/{id:prime}', 'x/{id', 'x/{a b}'])('%s is refused by its text', (template) => {
    expect(() => parseRouteTemplate(template)).toThrow(template);
  });
});

describe('the route table', () => {
  const http = (name: string, settings: object = {}): FunctionMetadata => {
    const trigger = { type: 'httpTrigger', methods: ['GET'], ...settings };
    return { name, trigger, triggerName: 'request', bindings: { request: trigger }, durableClients: [] };
  };
  const names = (functions: FunctionMetadata[], prefix: string, method: string, path: string): string | undefined =>
    matchRoute(
      buildRoutes(functions, prefix, () => undefined),
      method,
      path.split('/').filter(Boolean),
    )?.route.functionName;

  test('prefers literals to constrained to free parameters to catch-alls, in whatever order they were registered', () => {
    const all = [
      http('rest', { route: 'a/{*rest}' }),
      http('free', { route: 'a/{x}' }),
      http('int', { route: 'a/{x:int}' }),
      http('literal', { route: 'a/b' }),
    ];
    for (const functions of [all, [...all].reverse()]) {
      expect(names(functions, 'api', 'GET', 'api/a/b')).toBe('literal');
      expect(names(functions, 'api', 'GET', 'api/a/7')).toBe('int');
      expect(names(functions, 'api', 'GET', 'api/a/z')).toBe('free');
      expect(names(functions, 'api', 'GET', 'api/a/z/y')).toBe('rest');
    }
  });

  test('lets functions share a route by method, and knows no other method, not even HEAD', () => {
    const functions = [http('read', { route: 'x' }), http('write', { route: 'x', methods: ['put', 'delete'] })];
    expect(names(functions, 'api', 'GET', 'api/x')).toBe('read');
    expect(names(functions, 'api', 'PUT', 'api/x')).toBe('write');
    expect(names(functions, 'api', 'POST', 'api/x')).toBeUndefined();
    expect(names(functions, 'api', 'HEAD', 'api/x')).toBeUndefined();
  });

  test('uses the name of a function that has no route or an empty one', () => {
    expect(names([http('one')], 'api', 'GET', 'api/one')).toBe('one');
    expect(names([http('two', { route: '' })], 'api', 'GET', 'api/two')).toBe('two');
  });

  test('reaches the root with an empty prefix', () => {
    expect(names([http('home', { route: '/' })], '', 'GET', '')).toBe('home');
    expect(names([http('home', { route: '{ignored:maxlength(0)?}' })], '', 'GET', '')).toBe('home');
    expect(names([http('home', { route: '/' })], 'api', 'GET', 'api')).toBe('home');
  });

  test('leaves out a function with a malformed route, names it, and keeps the others', () => {
    const lines: string[] = [];
    const routes = buildRoutes([http('bad', { route: '{x:prime}' }), http('good')], 'api', (line) =>
      lines.push(line.message),
    );
    expect(routes.map(({ functionName }) => functionName)).toEqual(['good']);
    expect(lines).toEqual([expect.stringContaining("'bad'")]);
  });
});
