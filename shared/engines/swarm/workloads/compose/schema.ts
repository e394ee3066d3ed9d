import { z } from 'zod';
import { requireConstraint } from '../constraints';
import { mount } from './mounts';
import { port } from './ports';
import {
  bytes,
  entries,
  fraction,
  isMap,
  labels,
  nanoCpus,
  nanoseconds,
  scalar,
  Unreadable,
  wholeNumber,
  words,
} from './scalars';

/** A field that has several forms. */
const read = <T>(parse: (value: unknown) => T) =>
  z.unknown().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

const text = z.string().min(1);
const capabilities = z.array(text);
const resources = { cpus: read(nanoCpus).optional(), memory: read(bytes).optional() };

/** Of `networks` of a service: the other names under which it is known there, by network. */
function attachments(value: unknown): Record<string, string[]> {
  if (Array.isArray(value)) return Object.fromEntries(value.map((name) => [scalar(name), []]));
  if (!isMap(value)) throw new Unreadable('must be a list of networks, or a map of them');
  return Object.fromEntries(Object.entries(value).map(([name, options]) => [name, aliases(name, options ?? {})]));
}

function aliases(network: string, options: unknown): string[] {
  const foreign = isMap(options) ? Object.keys(options).find((key) => key !== 'aliases') : 'something';
  if (foreign) throw new Unreadable(`has ${foreign} for ${network}, which is not understood; it may have aliases`);
  const { aliases: names = [] } = options as { aliases?: unknown };
  if (!Array.isArray(names)) throw new Unreadable(`has aliases for ${network} that are no list`);
  return names.map(scalar);
}

/** `CMD-SHELL` runs a text in the container's shell. */
const healthTest = (value: unknown): string[] => (typeof value === 'string' ? ['CMD-SHELL', value] : words(value));

function constraint(value: unknown): string {
  const given = scalar(value);
  requireConstraint(given);
  return given;
}

const Healthcheck = z.strictObject({
  test: read(healthTest).optional(),
  interval: read(nanoseconds).optional(),
  timeout: read(nanoseconds).optional(),
  retries: read(wholeNumber).optional(),
  start_period: read(nanoseconds).optional(),
  disable: z.boolean().optional(),
});

const Deploy = z.strictObject({
  mode: z.enum(['replicated', 'global']).default('replicated'),
  replicas: read(wholeNumber).optional(),
  endpoint_mode: z.enum(['vip', 'dnsrr']).optional(),
  labels: read(labels).default({}),
  placement: z
    .strictObject({
      constraints: z.array(read(constraint)).optional(),
      preferences: z.array(z.strictObject({ spread: text })).optional(),
      max_replicas_per_node: read(wholeNumber).optional(),
    })
    .default({}),
  resources: z
    .strictObject({
      limits: z.strictObject({ ...resources, pids: read(wholeNumber).optional() }).optional(),
      reservations: z.strictObject(resources).optional(),
    })
    .optional(),
  restart_policy: z
    .strictObject({
      condition: z.enum(['none', 'on-failure', 'any']).optional(),
      delay: read(nanoseconds).optional(),
      max_attempts: read(wholeNumber).optional(),
      window: read(nanoseconds).optional(),
    })
    .optional(),
  update_config: z
    .strictObject({
      parallelism: read(wholeNumber).default(1),
      delay: read(nanoseconds).optional(),
      // `rollback` would put back an older form while the operation waits for this one.
      failure_action: z.enum(['pause', 'continue']).optional(),
      monitor: read(nanoseconds).optional(),
      max_failure_ratio: read(fraction).optional(),
      order: z.enum(['stop-first', 'start-first']).default('stop-first'),
    })
    .optional(),
});

const Service = z.strictObject({
  image: text,
  command: read(words).optional(),
  entrypoint: read(words).optional(),
  environment: read(entries).default({}),
  labels: read(labels).default({}),
  ports: z.array(read(port)).default([]),
  networks: read(attachments).optional(),
  volumes: z.array(read(mount)).default([]),
  deploy: Deploy.prefault({}),
  healthcheck: Healthcheck.optional(),
  stop_grace_period: read(nanoseconds).optional(),
  stop_signal: text.optional(),
  user: read(scalar).optional(),
  working_dir: text.optional(),
  hostname: text.optional(),
  read_only: z.boolean().optional(),
  init: z.boolean().optional(),
  cap_add: capabilities.optional(),
  cap_drop: capabilities.optional(),
});

const Network = z.strictObject({
  driver: z.enum(['overlay']).optional(),
  driver_opts: read(entries).optional(),
  attachable: z.boolean().optional(),
  internal: z.boolean().optional(),
  labels: read(labels).default({}),
  external: z.boolean().optional(),
  name: text.optional(),
});

const Volume = z.strictObject({
  driver: text.optional(),
  driver_opts: read(entries).optional(),
  labels: read(labels).default({}),
  external: z.boolean().optional(),
  name: text.optional(),
});

/** The part of Compose that a manifest may use. Everything else is refused by its name. */
export const ComposeSchema = z.strictObject({
  version: z.unknown().optional(),
  services: z.record(z.string(), Service),
  networks: z.record(z.string(), Network).default({}),
  volumes: z.record(z.string(), Volume).default({}),
});

export type ComposeFile = z.output<typeof ComposeSchema>;
export type ComposeService = z.output<typeof Service>;
