import type { KubeObject, NewKubeObject, ResourceType } from './kube-object';
import { invalid } from './status';

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const WITH_SELECTOR = ['deployments', 'statefulsets', 'daemonsets', 'replicasets'];

interface Controlled {
  selector?: { matchLabels?: Record<string, string> };
  replicas?: unknown;
  template?: {
    metadata?: { labels?: Record<string, string> };
    spec?: { containers?: { name?: string; image?: string }[] };
  };
}

/** The mistakes that people make most, in the words of the API server; its whole schema is not here. */
export function requireValid(resource: ResourceType, object: NewKubeObject, before?: KubeObject): void {
  const { name = '', labels = {} } = object.metadata;
  const refuse = (why: string): never => {
    throw invalid(resource, name, why);
  };
  if (name !== '' && !NAME.test(name))
    refuse(
      `metadata.name: Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`,
    );
  for (const value of Object.values(labels))
    if (!LABEL_VALUE.test(value))
      refuse(
        `metadata.labels: Invalid value: "${value}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'`,
      );
  if (WITH_SELECTOR.includes(resource.plural)) controlledFault(object, before).forEach(refuse);
  if (resource.plural === 'pods') podFaults(object.spec as Pod | undefined, 'spec').forEach(refuse);
  if (resource.plural === 'services' && !object.spec?.ports && object.spec?.clusterIP !== 'None')
    refuse('spec.ports: Required value');
}

type Pod = NonNullable<NonNullable<Controlled['template']>['spec']>;

function controlledFault(object: NewKubeObject, before: KubeObject | undefined): string[] {
  const { selector, template, replicas } = (object.spec ?? {}) as Controlled;
  const wanted = selector?.matchLabels ?? {};
  const labels = template?.metadata?.labels ?? {};
  if (Object.keys(wanted).length === 0) return ['spec.selector: Required value'];
  if (Object.entries(wanted).some(([key, value]) => labels[key] !== value))
    return [
      `spec.template.metadata.labels: Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``,
    ];
  const old = (before?.spec as Controlled | undefined)?.selector;
  if (old && JSON.stringify(old) !== JSON.stringify(selector))
    return [`spec.selector: Invalid value: ${JSON.stringify(selector)}: field is immutable`];
  if (replicas !== undefined && !(Number.isInteger(replicas) && Number(replicas) >= 0))
    return [`spec.replicas: Invalid value: ${String(replicas)}: must be greater than or equal to 0`];
  return podFaults(template?.spec, 'spec.template.spec');
}

function podFaults(spec: Pod | undefined, path: string): string[] {
  const containers = spec?.containers ?? [];
  if (containers.length === 0) return [`${path}.containers: Required value`];
  const at = containers.findIndex(({ name, image }) => !name || !image);
  return at < 0 ? [] : [`${path}.containers[${at}].${containers[at]?.name ? 'image' : 'name'}: Required value`];
}
