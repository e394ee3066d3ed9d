import type { z } from 'zod';
import { refuse, type Outcome } from '../../../../model/errors';
import { Broken, documentsOf } from '../../../manifest-documents';
import { interpolate, type Variables } from './interpolate';
import { isMap } from './scalars';
import { ComposeSchema, type ComposeFile } from './schema';

/** More would say no more. */
const MAX_REASONS = 3;

/** Why some fields that Compose has are not among what a manifest may use, by the field's name. */
const REASONS: Record<string, string> = {
  build: 'images are built elsewhere and named in image',
  cgroup_parent: 'Swarm has no such thing',
  configs: 'Starling keeps no files; give settings in environment, or on a share of the storage',
  container_name: 'Swarm names every task itself',
  depends_on: 'Swarm starts services in any order; a program must wait for what it needs',
  devices: 'Swarm has no such thing',
  env_file: 'there are no files beside the manifest; use environment',
  expose: 'services on the same network reach every port',
  links: 'services on the same network find each other by name',
  name: 'the workload has its name from the request',
  network_mode: 'declare a network with external: true and name: host, and name it in networks',
  privileged: 'Swarm runs nothing privileged',
  restart: 'use deploy.restart_policy',
  rollback_config: 'a change that fails stays and says why',
  secrets: 'Starling keeps no files; a program can read a file on a share of the storage',
};

/** A Compose file in YAML or JSON. INVALID_REQUEST names up to three fields by their path, and why each is not taken. */
export function readCompose(text: string, variables: Variables = {}): Outcome<{ file: ComposeFile }> {
  try {
    return { ok: true, file: parse(treeOf(text, variables)) };
  } catch (error) {
    if (error instanceof Broken) return refuse('INVALID_REQUEST', `manifest: ${error.message}`);
    throw error;
  }
}

function treeOf(text: string, variables: Variables): unknown {
  const [first, second] = documentsOf(text);
  if (!first || !isMap(first.value) || !isMap(first.value['services']))
    throw new Broken('needs services: it is a Compose file, as for docker stack deploy');
  if (second) throw new Broken(`${second.where}: a Compose file is one document`);
  const filled = interpolate(first.value, variables, (path, why) => {
    throw new Broken(`${path.join('.')} ${why}`);
  });
  return withoutExtensions(filled as Record<string, unknown>);
}

/** `x-…` is the author's own, at the top and in what services, networks and volumes there are; elsewhere it is data. */
function withoutExtensions(file: Record<string, unknown>): Record<string, unknown> {
  const dropped = (map: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(map).filter(([key]) => !key.startsWith('x-')));
  const sections = Object.entries(dropped(file)).map(([section, value]): [string, unknown] => [
    section,
    isMap(value) ? mapped(value, (part) => (isMap(part) ? dropped(part) : (part ?? {}))) : value,
  ]);
  return Object.fromEntries(sections);
}

const mapped = (map: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));

function parse(tree: unknown): ComposeFile {
  const parsed = ComposeSchema.safeParse(tree);
  if (!parsed.success) throw new Broken(parsed.error.issues.flatMap(reasonsOf).slice(0, MAX_REASONS).join('; '));
  return parsed.data;
}

function reasonsOf(issue: z.core.$ZodIssue): string[] {
  const at = (key?: string): string => [...issue.path, ...(key === undefined ? [] : [key])].join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${at(key)} is not understood${REASONS[key] ? `: ${REASONS[key]}` : ''}`);
  if (issue.code === 'custom') return [`${at()} ${issue.message}`];
  return [`${at()} is not valid: ${issue.message}`];
}
