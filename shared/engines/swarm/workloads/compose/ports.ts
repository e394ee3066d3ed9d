import { isMap, scalar, Unreadable, wholeNumber } from './scalars';

export interface PublishedPort {
  Protocol: 'tcp' | 'udp' | 'sctp';
  TargetPort: number;
  /** Absent: Swarm takes a free one from 30000 to 32767. */
  PublishedPort?: number;
  /** `host`: only on nodes with a task, without the routing mesh. */
  PublishMode: 'ingress' | 'host';
}

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const MODES = ['ingress', 'host'] as const;
const LONG_FIELDS = ['target', 'published', 'protocol', 'mode'];

/**
 * Of the machines themselves: SSH, Starling's door, the managers', gossip, VXLAN. Swarm would not mind: its rules take what arrives at
 * a published port before the daemon that listens there, on every node, so Starling could not even remove the service again.
 */
const OWN_PORTS: ReadonlySet<string> = new Set(['22/tcp', '2376/tcp', '2377/tcp', '7946/tcp', '7946/udp', '4789/udp']);

/** Samples: `80:8080`, `8080`, `53:53/udp`, `{target: 8080, published: 80, protocol: tcp, mode: host}`. */
export function port(value: unknown): PublishedPort {
  return isMap(value) ? longPort(value) : shortPort(scalar(value));
}

function shortPort(text: string): PublishedPort {
  const [ports = '', protocol = 'tcp'] = text.split('/');
  const parts = ports.split(':');
  if (parts.length > 2) throw new Unreadable('names an address: Swarm publishes on every address of a node');
  if (ports.includes('-')) throw new Unreadable('is a range: write one entry for each port');
  const [target, published] = parts.reverse();
  return made(target, published, protocol, 'ingress');
}

function longPort(fields: Record<string, unknown>): PublishedPort {
  const foreign = Object.keys(fields).find((field) => !LONG_FIELDS.includes(field));
  if (foreign) throw new Unreadable(`has ${foreign}, which is not understood; it may have ${LONG_FIELDS.join(', ')}`);
  const { target, published, protocol = 'tcp', mode = 'ingress' } = fields;
  return made(target, published, protocol, mode);
}

function made(target: unknown, published: unknown, protocol: unknown, mode: unknown): PublishedPort {
  const number = published === undefined ? 0 : portNumber(published, 0);
  const Protocol = oneOf(PROTOCOLS, protocol);
  if (OWN_PORTS.has(`${number}/${Protocol}`))
    throw new Unreadable(`publishes ${number}/${Protocol}, which the machines need themselves: take another port`);
  return {
    Protocol,
    TargetPort: portNumber(target, 1),
    ...(number > 0 && { PublishedPort: number }),
    PublishMode: oneOf(MODES, mode),
  };
}

function portNumber(value: unknown, least: number): number {
  const number = wholeNumber(value);
  if (number < least || number > 65_535) throw new Unreadable(`has the port ${number}, which there is not`);
  return number;
}

function oneOf<T extends string>(known: readonly T[], value: unknown): T {
  const found = known.find((each) => each === value);
  if (!found) throw new Unreadable(`has ${String(value)}, which is none of ${known.join(', ')}`);
  return found;
}
