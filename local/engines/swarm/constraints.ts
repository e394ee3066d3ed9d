import { rpcError } from './docker-error';
import type { NodeRecord } from './records';

/** One of `Placement.Constraints`. Samples: `node.role==worker`, `node.labels.disk != slow`. */
interface Constraint {
  key: string;
  isEqual: boolean;
  value: string;
}

/** Both from swarmkit `manager/constraint/constraint.go`; a key with a slash is none. */
const KEY = /^[a-z_][a-z0-9\-_.]+$/i;
const VALUE = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

/** Refusals have no gRPC code, hence 500. */
export function parseConstraint(text: string): Constraint {
  const [, left = '', operator, right = ''] = /^(.*?)(==|!=)(.*)$/.exec(text) ?? [];
  if (operator === undefined) throw rpcError('Unknown', 'constraint expected one operator from ==, !=');
  const [key, value] = [left.trim(), right.trim()];
  if (!KEY.test(key)) throw rpcError('Unknown', `key '${key}' is invalid`);
  if (!VALUE.test(value)) throw rpcError('Unknown', `value '${value}' is invalid`);
  return { key, isEqual: operator === '==', value };
}

/** Comparison without case; a key that swarmkit does not know is met by no node. */
export function meets(node: NodeRecord, constraints: string[] = []): boolean {
  return constraints.map(parseConstraint).every(({ key, isEqual, value }) => {
    const actual = fieldOf(node, key);
    return actual !== undefined && (actual.toLowerCase() === value.toLowerCase()) === isEqual;
  });
}

function fieldOf(node: NodeRecord, key: string): string | undefined {
  const [, labels, label = ''] = /^(node\.labels|engine\.labels)\.(.+)$/i.exec(key) ?? [];
  if (labels)
    return (labels.toLowerCase() === 'node.labels' ? node.Spec.Labels : node.Description.Engine.Labels)[label] ?? '';
  const fields: Record<string, string> = {
    'node.id': node.ID,
    'node.hostname': node.Description.Hostname,
    'node.ip': node.Status.Addr,
    'node.role': node.role,
    'node.platform.os': node.Description.Platform.OS,
    'node.platform.arch': node.Description.Platform.Architecture,
  };
  return fields[key.toLowerCase()];
}
