import type { KubernetesObject } from '@kubernetes/client-node';

/** On every object of a workload, its pods and its namespace: the workload's name. */
export const WORKLOAD_LABEL = 'starling.io/workload';
export const KIND_LABEL = 'starling.io/kind';

/** Each workload has a namespace of its own, so that two never meet, and removing one leaves nothing. */
export const namespaceOf = (workload: string): string => `starling-${workload}`;

/** The object in the workload's namespace, with its labels on itself and on the pods that it makes; nothing else changes. */
export function belonging(object: KubernetesObject, workload: string): KubernetesObject {
  const labelled = labelledTemplates(withLabel(object as Tree, workload), workload);
  const metadata = { ...asTree(labelled['metadata']), namespace: namespaceOf(workload) };
  return { ...labelled, metadata };
}

type Tree = Record<string, unknown>;

const asTree = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};

function withLabel(object: Tree, workload: string): Tree {
  const metadata = asTree(object['metadata']);
  return {
    ...object,
    metadata: { ...metadata, labels: { ...asTree(metadata['labels']), [WORKLOAD_LABEL]: workload } },
  };
}

/** Pod templates sit at `spec.template`, those of a CronJob one `jobTemplate` further down. */
function labelledTemplates(object: Tree, workload: string): Tree {
  const spec = asTree(object['spec']);
  const { template, jobTemplate } = spec;
  const changed = {
    ...(typeof template === 'object' && { template: withLabel(asTree(template), workload) }),
    ...(typeof jobTemplate === 'object' && {
      jobTemplate: labelledTemplates(withLabel(asTree(jobTemplate), workload), workload),
    }),
  };
  return Object.keys(changed).length > 0 ? { ...object, spec: { ...spec, ...changed } } : object;
}
