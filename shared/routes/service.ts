import { z } from 'zod';
import * as api from '../api';
import { define } from './route';

/** Of Starling itself. */
export const SERVICE_ROUTES = define({
  health: {
    method: 'GET',
    path: 'health',
    auth: 'anonymous',
    summary: 'Is everything wired?',
    answers: { 200: { description: 'Ready to serve', schema: api.Health } },
  },
  openapi: {
    method: 'GET',
    path: 'openapi.json',
    auth: 'anonymous',
    summary: 'This API as OpenAPI 3.1',
    answers: { 200: { description: 'OpenAPI document', schema: z.record(z.string(), z.unknown()) } },
  },
});
