import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { z } from 'zod';
import { ProblemSchema } from '../shared/api';
import { ROUTES, type Route } from '../shared/routes';
import { mayBeEmpty } from './respond';

/** The OpenAPI 3.1 document of the route table. Pure. */
export function openApiDocument(serverUrl: string): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of Object.values<Route>(ROUTES)) {
    const path = `/api/${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Starling',
      version: '0.1.0',
      description: 'A serverless control plane for elastic k3s and Docker Swarm clusters on Azure.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'x-functions-key' },
        entra: { type: 'http', scheme: 'bearer', description: 'Instead of the key, where Entra ID is switched on' },
      },
    },
  });
}

function operation(route: Route): ZodOpenApiOperationObject {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  const path = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  return {
    operationId: route.name,
    summary: route.summary,
    security: route.auth === 'key' ? [{ key: [] }, { entra: [] }] : [],
    requestParams: { ...(names.length > 0 ? { path } : {}), ...(route.query ? { query: z.object(route.query) } : {}) },
    ...(route.body ? { requestBody: requestBody(route.body) } : {}),
    responses: { ...answers(route), ...refusals(route) },
  };
}

const requestBody = (schema: z.ZodType): ZodOpenApiOperationObject['requestBody'] => ({
  required: !mayBeEmpty(schema),
  content: { 'application/json': { schema } },
});

function answers(route: Route): ZodOpenApiOperationObject['responses'] {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { description, schema, contentType = 'application/json' }]) => [
      status,
      {
        description,
        content: { [contentType]: { schema } },
        ...(status === '202'
          ? { headers: z.object({ location: z.string().meta({ description: 'Where the operation is' }) }) }
          : {}),
      },
    ]),
  );
}

function refusals(route: Route): ZodOpenApiOperationObject['responses'] {
  const problem = {
    description: 'Refused; `code` says why',
    content: { 'application/problem+json': { schema: ProblemSchema } },
  };
  const unauthorised =
    route.auth === 'key'
      ? { 401: { description: 'No key, or a wrong one; where Entra ID is switched on, a problem document' } }
      : {};
  return { ...unauthorised, default: problem };
}
