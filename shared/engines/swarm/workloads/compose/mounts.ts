import { bytes, isMap, scalar, Unreadable } from './scalars';

export interface Mount {
  type: 'bind' | 'volume' | 'tmpfs';
  /** A path of the node, or the name of a volume in `volumes`; empty for tmpfs. */
  source: string;
  target: string;
  readOnly: boolean;
  /** Of a tmpfs; 0 is without limit. */
  sizeBytes: number;
}

const LONG_FIELDS = ['type', 'source', 'target', 'read_only', 'tmpfs'];
const TYPES = ['bind', 'volume', 'tmpfs'] as const;

/** Samples: `data:/var/lib/app`, `/srv/data:/data:ro`, `{type: tmpfs, target: /tmp, tmpfs: {size: 16M}}`. */
export function mount(value: unknown): Mount {
  const made = isMap(value) ? longMount(value) : shortMount(scalar(value));
  if (!made.target.startsWith('/')) throw new Unreadable('needs an absolute path inside the container');
  if (made.type === 'bind' && !made.source.startsWith('/'))
    throw new Unreadable('names a file beside the manifest: only absolute paths exist on the nodes');
  return made;
}

function shortMount(text: string): Mount {
  const [source = '', target, mode = 'rw', ...more] = text.split(':');
  if (!target) throw new Unreadable('has no name: Swarm would make a new volume for every task');
  if (more.length > 0 || !['rw', 'ro'].includes(mode))
    throw new Unreadable('may end with :ro or :rw, and nothing else');
  const type = /^[./~]/.test(source) ? 'bind' : 'volume';
  return { type, source, target, readOnly: mode === 'ro', sizeBytes: 0 };
}

function longMount(fields: Record<string, unknown>): Mount {
  const foreign = Object.keys(fields).find((field) => !LONG_FIELDS.includes(field));
  if (foreign) throw new Unreadable(`has ${foreign}, which is not understood; it may have ${LONG_FIELDS.join(', ')}`);
  const type = TYPES.find((known) => known === fields['type']);
  if (!type) throw new Unreadable(`needs a type: ${TYPES.join(', ')}`);
  const source = fields['source'] === undefined ? '' : scalar(fields['source']);
  if ((source === '') !== (type === 'tmpfs'))
    throw new Unreadable(type === 'tmpfs' ? 'is of type tmpfs, which has no source' : 'needs a source');
  const size = isMap(fields['tmpfs']) ? fields['tmpfs']['size'] : undefined;
  return {
    type,
    source,
    target: scalar(fields['target'] ?? ''),
    readOnly: fields['read_only'] === true,
    sizeBytes: size === undefined ? 0 : bytes(size),
  };
}
