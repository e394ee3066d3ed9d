import { z } from 'zod';
import * as api from '../api';
import { define, started, whatIf } from './route';

/** What is under way, and the lever that halts automation. */
export const OPERATION_ROUTES = define({
  getOperation: {
    method: 'GET',
    path: 'operations/{id}',
    auth: 'key',
    summary: 'How far an operation is',
    answers: { 200: { description: 'The operation', schema: api.OperationSchema } },
  },
  cancelOperation: {
    method: 'DELETE',
    path: 'operations/{id}',
    auth: 'key',
    summary: 'Cancel at the next safe point',
    query: { whatIf },
    answers: {
      200: {
        description: 'It has ended already, or what it would do',
        schema: z.union([api.OperationSchema, api.WhatIfSchema]),
      },
      202: started,
    },
  },
  getHalt: {
    method: 'GET',
    path: 'halt',
    auth: 'key',
    summary: 'Is automation halted?',
    answers: { 200: { description: 'The lever', schema: api.HaltStateSchema } },
  },
  putHalt: {
    method: 'PUT',
    path: 'halt',
    auth: 'key',
    summary: 'Halt or resume all automation (repairs, chaos)',
    query: { whatIf },
    body: api.HaltSchema,
    answers: {
      200: { description: 'The lever as it is now', schema: z.union([api.HaltStateSchema, api.WhatIfSchema]) },
    },
  },
});
