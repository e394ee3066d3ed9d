import { z } from 'zod';
import * as api from '../api';
import { define } from './route';

/** Called by the machines themselves. */
export const NODE_ROUTES = define({
  join: {
    method: 'POST',
    path: 'clusters/{c}/join',
    auth: 'attested',
    summary: 'A VM proves who it is and gets its ticket',
    body: api.JoinSchema,
    answers: { 200: { description: 'Ticket', schema: api.TicketSchema } },
  },
  storage: {
    method: 'POST',
    path: 'clusters/{c}/storage',
    auth: 'attested',
    summary: 'A VM proves who it is and gets the key of the shares, when its ticket brought none or at a later boot',
    body: api.JoinSchema,
    answers: { 200: { description: 'Account, key and shares', schema: api.StorageAnswerSchema } },
  },
  ready: {
    method: 'POST',
    path: 'clusters/{c}/ready',
    auth: 'attested',
    summary: 'A master reports how to reach its engine',
    body: api.JoinSchema,
    answers: { 200: { description: 'Noted', schema: z.strictObject({ accepted: z.literal(true) }) } },
  },
  leave: {
    method: 'POST',
    path: 'clusters/{c}/leave',
    auth: 'attested',
    summary: 'A VM says that it is going down',
    body: api.JoinSchema,
    answers: { 200: { description: 'Noted', schema: z.strictObject({ accepted: z.literal(true) }) } },
  },
});
