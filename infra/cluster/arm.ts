/**
 * ARM template language, as far as the cluster template needs it, and the bridge to the SDK's model types.
 *
 * The SDKs flatten `properties` into the model; a template carries the wire shape. `Body` and `Child` turn a model
 * into what stands under `properties`, so that a misspelt or outdated property does not compile. What the types
 * cannot see (names, references, expressions) `check-template.ts` does.
 */

/** What stands beside `properties` on the wire. */
type Envelope = 'id' | 'name' | 'type' | 'location' | 'tags' | 'etag' | 'sku' | 'kind' | 'zones' | 'identity' | 'plan';

/** Content of `properties` of a resource. `Replaced` gives the wire shape of parts that the SDK flattens again. */
export type Body<Model, Replaced = object> = Omit<Model, Envelope | keyof Replaced> & Replaced;

/** A nested resource such as a subnet or a security rule: the SDK's model is flat, the wire is not. */
export interface Child<Model, Replaced = object> {
  name: string;
  properties: Body<Model, Replaced>;
}

export type Tags = Record<string, string>;

export interface ArmResource<Properties = object> {
  type: string;
  apiVersion: string;
  name: string;
  location?: string;
  tags?: Tags;
  sku?: { name: string; tier?: string; capacity?: number };
  kind?: string;
  /** Resource group of a nested deployment; other resources live where the deployment runs. */
  resourceGroup?: string;
  dependsOn?: string[];
  properties: Properties;
}

export interface ArmTemplate {
  $schema: string;
  contentVersion: string;
  parameters: Record<string, { type: 'string'; metadata: { description: string } }>;
  resources: ArmResource[];
  outputs: Record<string, { type: 'string' | 'array'; value: unknown }>;
}

export type ArmParameters = Record<string, { value: unknown }>;

export const TEMPLATE_SCHEMA = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#';

export const parameter = (name: string): string => `[parameters('${name}')]`;

/** Id of a resource of the deployment's own group; `names` has one part for each segment of the type after the provider. */
export const resourceId = (type: string, ...names: string[]): string =>
  `[resourceId(${[type, ...names].map((part) => `'${part}'`).join(', ')})]`;

/** Value that Azure knows only once the resource exists. */
export const reference = (id: string, path: string): string => `[reference(${id.slice(1, -1)}).${path}]`;
