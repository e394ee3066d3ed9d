import type { Fields, KubeObject } from './kube-object';

interface SecurityContext {
  privileged?: boolean;
  runAsNonRoot?: boolean;
  allowPrivilegeEscalation?: boolean;
  capabilities?: { drop?: string[] };
  seccompProfile?: { type?: string };
}

interface Container {
  name: string;
  ports?: { hostPort?: number }[];
  securityContext?: SecurityContext;
}

/**
 * Why pod security admission would refuse a pod of this spec in the namespace. Of the two standards the rules that workloads
 * meet in practice: host access and privilege for `baseline`, and for `restricted` also the four that every container must state.
 */
export function podSecurityViolation(namespace: KubeObject | undefined, spec: Fields): string | undefined {
  const level = namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'] ?? 'privileged';
  if (level === 'privileged') return undefined;
  const broken = level === 'restricted' ? [...hostRules(spec), ...restrictedRules(spec)] : hostRules(spec);
  return broken.length > 0 ? `violates PodSecurity "${level}:latest": ${broken.join(', ')}` : undefined;
}

const containersOf = (spec: Fields): Container[] => [
  ...((spec.initContainers ?? []) as Container[]),
  ...((spec.containers ?? []) as Container[]),
];

function hostRules(spec: Fields): string[] {
  const volumes = (spec.volumes ?? []) as { name: string; hostPath?: object }[];
  const rules: [string, boolean][] = [
    ['host namespaces', Boolean(spec.hostNetwork || spec.hostPID || spec.hostIPC)],
    ['hostPath volumes', volumes.some(({ hostPath }) => hostPath)],
    ['hostPort', containersOf(spec).some(({ ports = [] }) => ports.some(({ hostPort }) => hostPort))],
    ['privileged', containersOf(spec).some(({ securityContext }) => securityContext?.privileged)],
  ];
  return rules.filter(([, isBroken]) => isBroken).map(([rule]) => rule);
}

function restrictedRules(spec: Fields): string[] {
  const pod = (spec.securityContext ?? {}) as SecurityContext;
  const every = (holds: (context: SecurityContext) => boolean): boolean =>
    containersOf(spec).every(({ securityContext = {} }) => holds(securityContext));
  const rules: [string, boolean][] = [
    ['allowPrivilegeEscalation != false', !every((one) => one.allowPrivilegeEscalation === false)],
    ['unrestricted capabilities', !every((one) => one.capabilities?.drop?.includes('ALL') ?? false)],
    ['runAsNonRoot != true', !every((one) => one.runAsNonRoot ?? pod.runAsNonRoot ?? false)],
    ['seccompProfile', !every((one) => (one.seccompProfile ?? pod.seccompProfile)?.type !== undefined)],
  ];
  return rules.filter(([, isBroken]) => isBroken).map(([rule]) => rule);
}
