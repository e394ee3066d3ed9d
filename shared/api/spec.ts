import { z } from 'zod';
import type { ClusterSpec } from '../model/cluster';
import { ENGINES } from '../model/engines';
import { scheduleProblem } from '../ncrontab';
import { chaosAction, count, engineVersion, vmSize } from './fields';

/** Stands for the version of the engine that this release of Starling was made with. */
const PINNED = 'pinned';

const cidr = z.union([z.literal('*'), z.cidrv4(), z.ipv4()]);

const agents = z
  .strictObject({
    count: count(0, 1000).default(3),
    min: count(0, 1000).default(0),
    max: count(1, 1000).default(10),
    size: vmSize.default('Standard_B2s'),
    priority: z.enum(['Spot', 'Regular']).default('Regular'),
    maxPrice: z
      .number()
      .refine((price) => price === -1 || price > 0, '-1 or a price above 0')
      .default(-1),
    diskGiB: count(30, 4095).default(32),
    autoscale: z
      .strictObject({ cpuAbovePercent: count(1, 100), cpuBelowPercent: count(0, 99) })
      .nullable()
      .default(null),
  })
  .superRefine((value, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (value.min > value.max) wrong('min', `must not be above max (${value.max})`);
    if (value.count < value.min || value.count > value.max)
      wrong('count', `must be between min (${value.min}) and max (${value.max})`);
    if (value.autoscale && value.autoscale.cpuBelowPercent >= value.autoscale.cpuAbovePercent) {
      wrong('autoscale', 'cpuBelowPercent must be below cpuAbovePercent');
    }
  });

const masters = z.strictObject({
  count: z
    .union([z.literal(1), z.literal(3), z.literal(5)], '1, 3 or 5: an even number tolerates no more losses')
    .default(1),
  size: vmSize.default('Standard_B2s'),
});

/** What masters serve already: ingress, the engine's API, supervisor and etcd, the kubelet; Docker's API, Swarm, its gossip. */
const TAKEN_PORTS: ReadonlySet<number> = new Set([80, 443, 2376, 2377, 2379, 2380, 6443, 6444, 7946, 10250]);

const ssh = z.strictObject({
  publicKey: z
    .string()
    .max(8192)
    .regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-\S+) [A-Za-z0-9+/=]+( [^\r\n]*)?$/, 'an OpenSSH public key'),
  port: count(1, 65535)
    .refine((port) => !TAKEN_PORTS.has(port), 'a port that the engine or the ingress does not use')
    .default(22),
  from: z.array(cidr).min(1).max(100),
});

const chaos = z.strictObject({
  armed: z.boolean().default(false),
  schedule: z
    .string()
    .max(200)
    .superRefine((text, context) => {
      const message = scheduleProblem(text);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .meta({ description: 'NCRONTAB: second minute hour day month weekday, in the time zone' }),
  timeZone: z.string().refine(isTimeZone, 'an IANA time zone such as Europe/Lisbon').default('UTC'),
  action: chaosAction.default('restart'),
  count: count(1, 100).default(1),
});

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false; // a RangeError is how Intl says that it knows no such zone
  }
}

export const ClusterSpecSchema = z
  .strictObject({
    engine: z.enum(['k3s', 'swarm']),
    location: z.string().regex(/^[a-z0-9]{3,40}$/, 'an Azure location such as westeurope'),
    version: z
      .union([z.literal(PINNED), engineVersion])
      .default(PINNED)
      .meta({ description: `${PINNED}: what this release of Starling was made with` }),
    masters: masters.prefault({}),
    agents: agents.prefault({}),
    ssh: ssh.nullable().default(null),
    ingress: z.strictObject({ from: z.array(cidr).max(100).default(['*']) }).prefault({}),
    storage: z
      .strictObject({
        shares: z
          .array(
            z.string().regex(/^[a-z0-9](-?[a-z0-9]){2,62}$/, '3 to 63 lower-case letters, digits and single hyphens'),
          )
          .max(20)
          .default(['data', 'config', 'registry']),
        mountAt: z
          .string()
          .regex(/^(\/[A-Za-z0-9._-]+)+$/, 'an absolute path')
          .default('/srv'),
      })
      .prefault({}),
    chaos: chaos.nullable().default(null),
    drift: z.enum(['adopt', 'revert']).default('revert'),
  })
  .overwrite((spec) => (spec.version === PINNED ? { ...spec, version: ENGINES[spec.engine].defaultVersion } : spec))
  .superRefine(({ engine, version }, context) => {
    const { title, isRelease, defaultVersion } = ENGINES[engine];
    if (isRelease(version)) return;
    const message = `a release of ${title} such as ${defaultVersion}`;
    context.addIssue({ code: 'custom', path: ['version'], message });
  })
  .superRefine(({ chaos, agents }, context) => {
    if (chaos?.action !== 'evict' || agents.priority === 'Spot') return;
    const message = 'evict is for agents of priority Spot: Azure evicts no others';
    context.addIssue({ code: 'custom', path: ['chaos', 'action'], message });
  })
  .meta({ id: 'ClusterSpec' }) satisfies z.ZodType<ClusterSpec>;
