import type { KubeObject } from './kube-object';
import { KubeError, badRequest } from './status';

type Test = (object: KubeObject) => boolean;

/** Sample: `role=agent,zone!=1,tier in (a,b),!legacy,managed`. */
export function labelSelector(text: string | null): Test {
  if (!text) return () => true;
  const terms = text.split(/,(?![^(]*\))/).map((term) => labelTerm(term.trim()));
  return (object) => terms.every((matches) => matches(object.metadata.labels ?? {}));
}

function labelTerm(term: string): (labels: Record<string, string>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => values.includes(labels[key] ?? '\0') === (operator === 'in');
  }
  const equality = /^([^=!]+?)\s*(!=|==?)\s*(.*)$/.exec(term);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  if (!/^!?[\w./-]+$/.test(term)) throw badRequest(`unable to parse requirement: ${term}`);
  return term.startsWith('!') ? (labels) => !(term.slice(1) in labels) : (labels) => term in labels;
}

/** Kubernetes supports only a few fields per resource and refuses the others. */
const SELECTABLE_FIELDS: Record<string, (object: KubeObject) => string> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
  'spec.nodeName': (object) => String(object.spec?.nodeName ?? ''),
  'spec.unschedulable': (object) => String(object.spec?.unschedulable ?? false),
  'status.phase': (object) => String(object.status?.phase ?? ''),
  type: (object) => object.type ?? '',
};

/** Sample: `spec.nodeName=agent-7,status.phase!=Failed`. */
export function fieldSelector(text: string | null): Test {
  if (!text) return () => true;
  const terms = text.split(',').map((term): Test => {
    const [, field = '', operator, value] = /^([^=!]+)(!=|==?)(.*)$/.exec(term.trim()) ?? [];
    const read = SELECTABLE_FIELDS[field];
    if (!read) throw badRequest(`field label not supported: ${field || term}`);
    return (object) => (read(object) === value) === (operator !== '!=');
  });
  return (object) => terms.every((matches) => matches(object));
}

interface Continuation {
  at: number;
  after: string;
}

/** etcd compacts every 5 minutes; a list that is continued later answers 410 and must start over. */
const CONTINUE_LIFETIME_MS = 5 * 60_000;

export interface Page {
  items: KubeObject[];
  continueToken?: string;
  remaining?: number;
}

export function page(objects: KubeObject[], query: URLSearchParams, now: number): Page {
  const limit = Number(query.get('limit') ?? 0);
  const from = query.get('continue') ? parseContinue(query.get('continue') ?? '', now) : '';
  const rest = from === '' ? objects : objects.filter((object) => keyOf(object) > from);
  if (!limit || rest.length <= limit) return { items: rest };
  const items = rest.slice(0, limit);
  const last = items[items.length - 1];
  const token: Continuation = { at: now, after: last ? keyOf(last) : '' };
  return {
    items,
    continueToken: Buffer.from(JSON.stringify(token)).toString('base64url'),
    remaining: rest.length - limit,
  };
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

function parseContinue(token: string, now: number): string {
  let parsed: Continuation;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString()) as Continuation;
  } catch {
    throw badRequest('continue key is not valid');
  }
  if (now - parsed.at > CONTINUE_LIFETIME_MS)
    throw new KubeError(
      410,
      'Expired',
      'The provided continue parameter is too old to display a consistent list result.',
    );
  return parsed.after;
}
