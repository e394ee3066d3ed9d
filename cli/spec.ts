import { readFileSync } from 'node:fs';
import { Document, isMap, isPair, parse, visit } from 'yaml';
import type { z } from 'zod';
import { ClusterSpecSchema } from '../shared/api';
import type { ClusterSpec } from '../shared/model/cluster';
import { usage } from './failure';

export type SpecInput = z.input<typeof ClusterSpecSchema>;

/** The options of `up` and `params` that stand for fields of the spec. */
export interface SpecFlags {
  engine?: SpecInput['engine'];
  location?: string;
  engineVersion?: string;
  masters?: number;
  masterSize?: string;
  agents?: number;
  min?: number;
  max?: number;
  size?: string;
  spot?: boolean;
  maxPrice?: number;
  disk?: number;
  sshKey?: string;
  sshFrom?: string[];
  sshPort?: number;
  ingressFrom?: string[];
}

/** Where a cluster is made when nobody says where. */
export const FIRST_SPEC: SpecInput = { engine: 'k3s', location: 'westeurope' };

/** The spec with what the options say; what they do not say stays as it is. */
export function withFlags(spec: SpecInput, flags: SpecFlags): SpecInput {
  const { engine, location, engineVersion: version } = flags;
  const { version: before, ...rest } = spec;
  // A version of one engine is none of the other.
  const kept = engine === undefined || engine === spec.engine ? { version: before } : {};
  return given({
    ...rest,
    ...given({ ...kept, ...given({ engine, location, version }) }),
    masters: given({ ...spec.masters, ...given({ count: flags.masters as 1, size: flags.masterSize }) }),
    agents: withAgentFlags(spec.agents, flags),
    ssh: withSsh(spec.ssh, flags),
    ingress: flags.ingressFrom ? { ...spec.ingress, from: flags.ingressFrom } : spec.ingress,
  });
}

function withAgentFlags(agents: SpecInput['agents'], flags: SpecFlags): SpecInput['agents'] {
  const { agents: count, min, max, size, maxPrice, disk: diskGiB, spot } = flags;
  const priority = spot === undefined ? undefined : spot ? ('Spot' as const) : ('Regular' as const);
  return { ...agents, ...given({ count, min, max, size, maxPrice, diskGiB, priority }) };
}

/** A door for SSH needs a key and the addresses that it is open to: neither is ever guessed. */
function withSsh(ssh: SpecInput['ssh'], { sshKey, sshFrom, sshPort }: SpecFlags): SpecInput['ssh'] {
  if (!sshKey && !sshFrom && !sshPort) return ssh;
  const publicKey = sshKey ? readPublicKey(sshKey) : ssh?.publicKey;
  const from = sshFrom ?? ssh?.from;
  if (!publicKey) throw usage('SSH needs a key', 'add --ssh-key FILE.pub; starling keys makes a pair');
  if (!from) throw usage('SSH needs the addresses that it is open to', 'add --ssh-from YOUR.ADDRESS/32');
  return { publicKey, from, port: sshPort ?? ssh?.port };
}

function readPublicKey(file: string): string {
  const text = read(file).trim();
  if (!/PRIVATE KEY/.test(text)) return text;
  throw usage(`${file} is a private key`, 'give the public one: the file that ends with .pub');
}

/** A spec from a YAML or JSON file. What it may hold, the API knows. */
export function readSpec(file: string): SpecInput {
  const spec = parseYaml(file) as SpecInput | null;
  if (typeof spec === 'object' && spec !== null && !Array.isArray(spec)) return spec;
  throw usage(`${file} holds no cluster spec`, `starling params > ${file} writes one`);
}

function parseYaml(file: string): unknown {
  const text = read(file);
  try {
    return parse(text);
  } catch (error) {
    throw usage(`${file} is neither YAML nor JSON: ${(error as Error).message.split('\n')[0]}`, 'mend it there');
  }
}

export function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, 'check the path');
  }
}

/** With every default filled in; throws a usage failure that names each bad field. */
export function completeSpec(spec: SpecInput): ClusterSpec {
  const parsed = ClusterSpecSchema.safeParse(spec);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw usage(faults.join('; '), 'mend the options named');
}

/** The spec as YAML, each field with what it means. */
export function describedSpec(spec: ClusterSpec): string {
  const document = new Document(spec);
  document.commentBefore = ' A cluster of Starling. Deploy it, or bring it to this state: starling up FILE';
  visit(document, {
    Pair(_, pair, path) {
      const keys = [...path.filter(isPair), pair].map(({ key }) => String(key));
      const comment = FIELDS[keys.join('.')];
      const { key } = pair as { key: { commentBefore?: string; spaceBefore?: boolean } };
      if (comment) key.commentBefore = ` ${comment}`;
      if (keys.length === 1 && isMap(pair.value)) key.spaceBefore = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** Every field of the spec; a test compares them with the schema. */
export const FIELDS: Record<string, string> = {
  engine: 'k3s or swarm; cannot change later',
  location: 'of Azure; starling locations lists them; cannot change later',
  version: 'of the engine; a newer one is rolled out node by node',
  masters: 'The machines that run the cluster',
  'masters.count': '1, 3 or 5: 3 bear the loss of one, 5 of two; cannot change later',
  'masters.size': 'starling sizes lists them; cannot change later',
  agents: 'The machines that run the work',
  'agents.count': 'how many there shall be',
  'agents.min': 'scaling never goes below',
  'agents.max': 'scaling never goes above',
  'agents.size': 'another one is rolled out a few agents at a time',
  'agents.priority': 'Regular, or Spot: cheap, and Azure may take them away; cannot change later',
  'agents.maxPrice': 'for Spot, US dollars an hour; -1 is up to the price of Regular',
  'agents.diskGiB': 'of each agent’s disk',
  'agents.autoscale': 'null, or for example {cpuAbovePercent: 80, cpuBelowPercent: 10}',
  ssh: 'null, or {publicKey: ssh-ed25519 …, port: 22, from: [203.0.113.7/32]}',
  ingress: 'Ports 80 and 443 of the masters',
  'ingress.from': 'addresses that may reach them; "*" is everybody',
  storage: 'Shared by all nodes; cannot change later',
  'storage.shares': 'one file share each',
  'storage.mountAt': 'where nodes have them',
  chaos: 'null, or {armed: false, schedule: 0 */30 9-15 * * 1-5, timeZone: Europe/Lisbon, action: restart, count: 1}',
  drift: 'when somebody else changes the scale set: revert it, or adopt it as the new wish',
};

/** Without the fields that nobody gave. */
const given = <T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]: Exclude<T[Name], undefined>;
  };
