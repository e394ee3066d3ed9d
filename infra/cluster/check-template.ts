import type { ArmParameters, ArmResource, ArmTemplate } from './arm';

/** What Azure would refuse, or let through and regret; found without Azure. Empty means good. */
export function checkTemplate(template: ArmTemplate, parameters: ArmParameters): string[] {
  return [
    ...checkParameters(template, parameters),
    ...checkNames(template.resources),
    ...checkReferences(template.resources),
    ...template.resources.flatMap((resource) => nestedProblems(resource)),
  ];
}

/** `[resourceId('Microsoft.Network/virtualNetworks/subnets', 'network', 'agents')]` → `…/subnets network/agents` */
const RESOURCE_ID = /resourceId\(([^)]*)\)/g;

export const keyOf = ({ type, name }: Pick<ArmResource, 'type' | 'name'>): string => `${type} ${name}`;

/** Keys of all resources that a value names, in any depth. */
export function referencesIn(value: unknown): string[] {
  return [...JSON.stringify(value ?? null).matchAll(RESOURCE_ID)].map(([, list = '']) => {
    const [type, ...names] = list.split(',').map((part) => part.trim().replace(/^'|'$/g, ''));
    return keyOf({ type: type ?? '', name: names.join('/') });
  });
}

function checkParameters(template: ArmTemplate, parameters: ArmParameters): string[] {
  const declared = Object.keys(template.parameters);
  const used = new Set(parametersIn([template.resources, template.outputs]));
  return [
    ...declared.filter((name) => !used.has(name)).map((name) => `parameter ${name} is not used`),
    ...[...used].filter((name) => !declared.includes(name)).map((name) => `parameter ${name} is not declared`),
    ...declared.filter((name) => !(name in parameters)).map((name) => `parameter ${name} has no value`),
    ...Object.keys(parameters)
      .filter((name) => !declared.includes(name))
      .map((name) => `value ${name} has no parameter`),
  ];
}

/** Names of parameters in use. What is nested with inner scope has parameters of its own and is left out. */
function parametersIn(value: unknown): string[] {
  const text = JSON.stringify(value, (key, part: unknown) => (key === 'template' ? undefined : part));
  return [...text.matchAll(/parameters\('(\w+)'\)/g)].map(([, name = '']) => name);
}

/** Rules of "naming rules and restrictions for Azure resources", the strictest that fits all types of a provider. */
const LEGAL: [RegExp, RegExp][] = [
  [/^Microsoft\.Network\//, /^[a-z0-9][\w.-]{0,62}\w$/i],
  [/^Microsoft\.Compute\//, /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/i],
  [/^Microsoft\.Storage\/storageAccounts$/, /^[a-z0-9]{3,24}$/],
  [/\/shares$/, /^[a-z0-9]{3,24}\/default\/(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/],
  [/^Microsoft\.EventGrid\/systemTopics$/, /^[a-z0-9-]{3,50}$/i],
  [/^Microsoft\.EventGrid\/systemTopics\/eventSubscriptions$/, /^[a-z0-9-]{3,50}\/[a-z0-9-]{3,64}$/i],
  [/^Microsoft\.Insights\//, /^[\w.-]{1,260}$/],
  [/^Microsoft\.Resources\/deployments$/, /^[\w.()-]{1,64}$/],
];

function checkNames(resources: ArmResource[]): string[] {
  const keys = resources.map(keyOf);
  const doubled = keys.filter((key, index) => keys.indexOf(key) !== index).map((key) => `${key} appears twice`);
  const illegal = resources
    .filter(({ type, name }) => !LEGAL.find(([types]) => types.test(type))?.[1].test(name))
    .map((resource) => `${keyOf(resource)} is not a legal name`);
  return [...doubled, ...illegal];
}

/** Everything referred to exists, and comes earlier by way of `dependsOn`: ARM does not look into properties for that. */
function checkReferences(resources: ArmResource[]): string[] {
  const byKey = new Map(resources.map((resource) => [keyOf(resource), resource]));
  return resources.flatMap((resource) => {
    const self = keyOf(resource);
    const earlier = ancestors(resource, byKey);
    const unknown = referencesIn(resource.dependsOn)
      .filter((key) => !byKey.has(key))
      .map((key) => `${self} depends on ${key}, which does not exist`);
    const unordered = referencesIn(outerProperties(resource))
      .map((key) => ownerOf(key, byKey) ?? key)
      .filter((key) => key !== self && !earlier.has(key))
      .map((key) => `${self} refers to ${key} without depending on it`);
    return [...unknown, ...unordered, ...(earlier.has(self) ? [`${self} depends on itself`] : [])];
  });
}

/** A subnet is declared inside its network, so whoever names it needs the network first. */
function ownerOf(key: string, byKey: Map<string, ArmResource>): string | undefined {
  const match = /^(.+)\/subnets (.+)\/(.+)$/.exec(key);
  if (!match) return undefined;
  const network = keyOf({ type: match[1] ?? '', name: match[2] ?? '' });
  const subnets = (byKey.get(network)?.properties as { subnets?: { name: string }[] } | undefined)?.subnets;
  return subnets?.some(({ name }) => name === match[3]) ? network : undefined;
}

function ancestors(resource: ArmResource, byKey: Map<string, ArmResource>): Set<string> {
  const found = new Set<string>();
  const open = referencesIn(resource.dependsOn);
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (found.has(key)) continue;
    found.add(key);
    open.push(...referencesIn(byKey.get(key)?.dependsOn));
  }
  return found;
}

const outerProperties = ({ properties }: ArmResource): object => ({ ...properties, template: undefined });

function nestedProblems(resource: ArmResource): string[] {
  if (resource.type !== 'Microsoft.Resources/deployments') return [];
  const { template, parameters } = resource.properties as { template: ArmTemplate; parameters: ArmParameters };
  return checkTemplate(template, parameters).map((problem) => `${resource.name}: ${problem}`);
}
