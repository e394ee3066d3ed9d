import { Unreadable } from './compose/scalars';

/** What of a node a constraint may ask for (swarmkit `manager/constraint/constraint.go`); keys and values in any case. */
export interface ConstrainedNode {
  ID: string;
  Spec: { Role?: string; Labels?: Record<string, string> };
  Description: {
    Hostname?: string;
    Platform?: { OS?: string; Architecture?: string };
    Engine?: { Labels?: Record<string, string> };
  };
}

interface Constraint {
  key: string;
  isEqual: boolean;
  value: string;
}

/** A key that Swarm knows. Without a slash: Swarm takes a constraint with one for broken. */
const KEY = /^(node\.(id|hostname|role|platform\.(os|arch)|labels\.[a-z0-9_.-]+)|engine\.labels\.[a-z0-9_.-]+)$/i;
const VALUE = /^[a-z0-9:_\-\s.*()?+[\]\\^$|/]+$/i;

/** Throws Unreadable for what Swarm would refuse, or would let no node meet. Samples: `node.role==worker`, `node.labels.disk != ssd`. */
export function requireConstraint(text: string): Constraint {
  const [, key = '', operator, value = ''] = /^(.*?)(==|!=)(.*)$/s.exec(text) ?? [];
  if (operator === undefined) throw new Unreadable('must compare with == or !=');
  if (!KEY.test(key.trim())) throw new Unreadable(`compares ${key.trim()}, which is nothing that a node has`);
  if (!VALUE.test(value.trim())) throw new Unreadable(`compares with ${value.trim()}, which no node can have`);
  return { key: key.trim(), isEqual: operator === '==', value: value.trim() };
}

/** Whether tasks may run on the node; a constraint of others that cannot be read is met by none. */
export const meets = (node: ConstrainedNode, constraints: string[]): boolean =>
  constraints.every((text) => {
    try {
      const { key, isEqual, value } = requireConstraint(text);
      return (fieldOf(node, key).toLowerCase() === value.toLowerCase()) === isEqual;
    } catch {
      return false;
    }
  });

function fieldOf({ ID, Spec, Description }: ConstrainedNode, key: string): string {
  const [, of, label = ''] = /^(node|engine)\.labels\.(.+)$/i.exec(key) ?? [];
  if (of) return ((of.toLowerCase() === 'node' ? Spec.Labels : Description.Engine?.Labels) ?? {})[label] ?? '';
  const fields: Record<string, string | undefined> = {
    'node.id': ID,
    'node.hostname': Description.Hostname,
    'node.role': Spec.Role,
    'node.platform.os': Description.Platform?.OS,
    'node.platform.arch': Description.Platform?.Architecture,
  };
  return fields[key.toLowerCase()] ?? '';
}
