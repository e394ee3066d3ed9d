import { z } from 'zod';

/** Fields that several shapes have. */

export const vmSize = z.string().regex(/^Standard_[A-Za-z0-9_]{1,60}$/, 'an Azure VM size such as Standard_B2s');
export const count = (min: number, max: number) => z.number().int().min(min).max(max);

export const chaosAction = z.enum(['restart', 'reimage', 'deallocate', 'delete', 'evict']);

export const engineVersion = z
  .string()
  .regex(/^v?\d+\.\d+\.\d+([+-][A-Za-z0-9.-]+)?$/, 'a version such as v1.36.2+k3s1 (k3s) or 29.7.2 (Docker)');

export const replicas = count(0, 1000);

export const time = z.iso.datetime();
export const nullable = <T extends z.ZodType>(type: T) => type.nullable();
