import { z } from 'zod';
import type { ChaosReport, ChaosRequest } from '../model/chaos';
import { chaosAction, count, nullable, time } from './fields';

export const ChaosRequestSchema = z
  .strictObject({
    action: chaosAction.default('restart'),
    count: count(1, 1000).optional(),
    fraction: z.number().gt(0).max(1).optional(),
    seed: z.number().int().min(0).max(0xffffffff).optional(),
    concurrency: count(1, 100).default(1),
    dryRun: z.boolean().default(false),
  })
  .refine(({ count, fraction }) => count === undefined || fraction === undefined, {
    path: ['fraction'],
    message: 'give a count or a fraction, not both',
  })
  .meta({ id: 'ChaosRequest' });

const steadyState = z.strictObject({
  holds: z.boolean(),
  agentsReady: z.number(),
  agentsWanted: z.number(),
  mastersReady: z.number(),
  mastersWanted: z.number(),
  pending: z.number(),
  reason: z.string(),
});

const milliseconds = nullable(z.number());

export const ChaosReportSchema = z
  .strictObject({
    id: z.string(),
    cluster: z.string(),
    request: z.strictObject({
      action: chaosAction,
      count: z.number().optional(),
      fraction: z.number().optional(),
      seed: z.number(),
      concurrency: z.number(),
      dryRun: z.boolean(),
    }) satisfies z.ZodType<ChaosRequest>,
    cause: z.string(),
    startedAt: time,
    endedAt: nullable(time),
    verdict: z.enum(['planned', 'running', 'passed', 'deviated', 'skipped', 'halted', 'cancelled']),
    reason: z.string(),
    before: nullable(steadyState),
    after: nullable(steadyState),
    eligible: z.array(z.string()),
    victims: z.array(
      z.strictObject({
        nodeName: z.string(),
        vmId: z.string(),
        instanceId: z.string(),
        struckAt: nullable(time),
        detectedMs: milliseconds,
        rejoinedMs: milliseconds,
        steadyMs: milliseconds,
        problem: z.string(),
      }),
    ),
  })
  .meta({ id: 'ChaosReport' }) satisfies z.ZodType<ChaosReport>;

export const ChaosList = z.strictObject({ runs: z.array(ChaosReportSchema) });
