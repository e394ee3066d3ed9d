import { z } from 'zod';
import { OperationSchema, WhatIfSchema } from '../api';

export type Auth =
  /** No key. */
  | 'anonymous'
  /** A function key (`x-functions-key`). */
  | 'key'
  /** No key; the body proves which VM is calling. */
  | 'attested';

export interface Route {
  /** Name of the function. */
  name: string;
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As in `/api/clusters/{c}`, without the prefix. */
  path: string;
  auth: Auth;
  summary: string;
  query?: Record<string, z.ZodType>;
  body?: z.ZodType;
  /** Of a body that may be larger than those of other routes. */
  maxBodyBytes?: number;
  /** Success answers by status. Every route may also answer with a problem document. */
  answers: Record<number, { description: string; schema: z.ZodType; contentType?: 'text/plain' | 'application/yaml' }>;
}

export const whatIf = z
  .enum(['true', 'false'])
  .optional()
  .meta({ description: 'true: answer 200 with what would be done, and do nothing' });
export const started = { description: 'Begun; follow the operation at Location', schema: OperationSchema };
export const preview = { description: 'What it would do', schema: WhatIfSchema };

export const limit = z.coerce.number().int().min(1).max(1000).optional();

/** A verb that is an operation on a cluster. */
export const verb = <const Path extends string, Body extends z.ZodType>(path: Path, summary: string, body: Body) =>
  ({
    method: 'POST',
    path: `clusters/{c}/${path}`,
    auth: 'key',
    summary,
    query: { whatIf },
    body,
    answers: { 200: preview, 202: started },
  }) as const;

/** Keeps the exact types of paths, bodies and answers: the CLI's client is made of them. */
export const define = <const T extends Record<string, Omit<Route, 'name'>>>(
  routes: T,
): { [K in keyof T]: T[K] & { name: string } } =>
  Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, { name, ...route }])) as {
    [K in keyof T]: T[K] & { name: string };
  };
