import { readFileSync } from 'node:fs';
import { openApiDocument } from '../../functions/openapi';
import { ROUTES, type Route } from '../../shared/routes';

const routes = Object.values<Route>(ROUTES);
const nameOf = ({ method, path }: Route): string => `${method} /api/${path}`;
const readme = readFileSync(`${__dirname}/../../README.md`, 'utf8');

describe('the table of routes', () => {
  it('stands in the README with the same routes, keys and summaries, in the same order', () => {
    const KEYS = { key: 'yes', anonymous: 'no', attested: 'attestation' };
    const rows = [...readme.matchAll(/^\| `((?:GET|PUT|POST|DELETE) \/api\/[^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)];
    expect(rows.map(([, name, key, summary]) => [name, key, summary])).toEqual(
      routes.map((route) => [nameOf(route), KEYS[route.auth], route.summary]),
    );
  });

  it('is what the OpenAPI document describes, with the same keys', () => {
    const { paths = {} } = openApiDocument('http://localhost:7071');
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { security: unknown[] }>).map(([method, { security }]) => [
        `${method.toUpperCase()} ${path}`,
        security.length > 0,
      ]),
    );
    expect(described.sort()).toEqual(routes.map((route) => [nameOf(route), route.auth === 'key']).sort());
  });

  it('lets every mutating route of an operator be previewed', () => {
    const mutating = routes.filter(({ method, auth }) => method !== 'GET' && auth === 'key');
    expect(mutating.filter(({ query }) => !query?.['whatIf']).map(nameOf)).toEqual([]);
  });

  it('answers every refusal with a problem document', () => {
    const { paths = {} } = openApiDocument('http://localhost:7071');
    for (const methods of Object.values(paths)) {
      for (const { responses } of Object.values(methods as Record<string, { responses: Record<string, object> }>)) {
        expect(responses['default']).toHaveProperty(['content', 'application/problem+json']);
      }
    }
  });
});
