import { isObject, listAt, objectAt, textAt, type JsonObject } from '../json';
import { versionRefusal } from './api-versions';
import { badRequest, type ArmError } from './errors';
import { evaluate, ExpressionError, needsRuntime, type Scope } from './expressions';
import { keyOf, resourceId } from './ids';
import type { TypeTable } from './types';

/** A resource of a template with everything known that is needed to order it. */
export interface Planned {
  id: string;
  type: string;
  name: string;
  resourceGroup: string;
  /** Ids of planned resources that must stand first. */
  dependsOn: string[];
  /** As in the template; evaluated when its turn comes. */
  source: JsonObject;
  /** Evaluate nothing inside: the content of a nested deployment with scope `inner` is its own affair. */
  inner: boolean;
}

export const NESTED = 'Microsoft.Resources/deployments';

export const invalidTemplate = (detail: string): ArmError =>
  badRequest('InvalidTemplate', `Deployment template validation failed: '${detail}'.`);

interface Definition {
  type?: unknown;
  defaultValue?: unknown;
  allowedValues?: unknown;
  maxLength?: unknown;
  minLength?: unknown;
}

const JSON_TYPES: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  securestring: (value) => typeof value === 'string',
  int: (value) => Number.isInteger(value),
  bool: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: isObject,
  secureobject: isObject,
};

/** The values of a template's parameters: given, or default. */
export function resolveParameters(template: JsonObject, given: JsonObject, scope: Scope): JsonObject {
  const definitions = objectAt(template, 'parameters');
  const unknown = Object.keys(given).find(
    (name) => !Object.keys(definitions).some((known) => keyOf(known) === keyOf(name)),
  );
  if (unknown) {
    throw invalidTemplate(
      `The following parameters were supplied, but do not correspond to any parameters defined in the template: '${unknown}'. The parameters defined in the template are: '${Object.keys(definitions).join(', ')}'.`,
    );
  }
  const values: JsonObject = {};
  for (const [name, definition] of Object.entries(definitions)) {
    values[name] = parameterValue(name, definition as Definition, objectAt(given, name), {
      ...scope,
      parameters: values,
    });
  }
  return values;
}

function parameterValue(name: string, definition: Definition, given: JsonObject, scope: Scope): unknown {
  const value =
    'value' in given
      ? given.value
      : 'defaultValue' in definition
        ? evaluate(definition.defaultValue, scope)
        : undefined;
  if (value === undefined)
    throw invalidTemplate(
      `The value for the template parameter '${name}' is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details.`,
    );
  const fits = JSON_TYPES[String(definition.type).toLowerCase()];
  if (!fits)
    throw invalidTemplate(`The template parameter '${name}' has the unknown type '${String(definition.type)}'.`);
  if (!fits(value))
    throw invalidTemplate(
      `Template parameter JToken type is not valid. Expected '${String(definition.type)}'. The parameter is '${name}'.`,
    );
  if (Array.isArray(definition.allowedValues) && !definition.allowedValues.includes(value)) {
    throw invalidTemplate(
      `The provided value '${String(value)}' for the template parameter '${name}' is not valid. The parameter value is not part of the allowed value(s): '${definition.allowedValues.join(',')}'.`,
    );
  }
  return value;
}

/** The parameters as a deployment shows them: secure ones without a value. */
export function shownParameters(template: JsonObject, values: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(objectAt(template, 'parameters')).map(([name, definition]) => {
      const type = String((definition as Definition).type);
      const label = type.charAt(0).toUpperCase() + type.slice(1);
      return [name, /^secure/i.test(type) ? { type: label } : { type: label, value: values[name] }];
    }),
  );
}

/** Reads the resources of a template, checks what can be checked before anything runs, and resolves their order. */
export function planTemplate(template: JsonObject, scope: Scope, types: TypeTable): Planned[] {
  if (!/deploymentTemplate\.json#?$/i.test(textAt(template, '$schema') ?? ''))
    throw invalidTemplate("The template's '$schema' is missing or not supported.");
  if (!textAt(template, 'contentVersion'))
    throw invalidTemplate("Required property 'contentVersion' not found in JSON.");
  if (!Array.isArray(template.resources)) throw invalidTemplate("Required property 'resources' not found in JSON.");
  const planned = translated(() =>
    (template.resources as unknown[])
      .filter(isObject)
      .filter((source) => isWanted(source, scope))
      .map((source) => planOne(source, scope, types)),
  );
  const duplicate = planned.find(
    (one, index) => planned.findIndex((other) => keyOf(other.id) === keyOf(one.id)) !== index,
  );
  if (duplicate) throw invalidTemplate(`The resource '${duplicate.id}' is defined multiple times in a template.`);
  return withKnownDependencies(planned, template, scope);
}

const isWanted = (source: JsonObject, scope: Scope): boolean =>
  source.condition === undefined || evaluate(source.condition, scope) === true;

function planOne(source: JsonObject, scope: Scope, types: TypeTable): Planned {
  for (const member of ['type', 'apiVersion', 'name', 'dependsOn'] as const) {
    if (member !== 'dependsOn' && typeof source[member] !== 'string')
      throw invalidTemplate(`The template resource is missing the required property '${member}'.`);
    if (needsRuntime(source[member]))
      throw invalidTemplate(`The template function 'reference' is not expected at this location: '${member}'.`);
  }
  const declared = String(source.type);
  const type = declared.toLowerCase() === NESTED.toLowerCase() ? NESTED : types.find(declared)?.type;
  if (!type) throw invalidTemplate(`The resource type '${declared}' is not supported.`);
  const refusal = versionRefusal(type, String(source.apiVersion), String(scope.resourceGroup.location ?? ''));
  if (refusal) throw refusal;
  const name = String(evaluate(source.name, scope));
  const names = name.split('/');
  if (names.length !== type.split('/').length - 1) {
    throw invalidTemplate(
      `The template resource '${name}' of type '${type}' has incorrect segment lengths. A nested resource type must have identical number of segments as its resource name.`,
    );
  }
  const resourceGroup = String(
    source.resourceGroup === undefined ? scope.resourceGroup.name : evaluate(source.resourceGroup, scope),
  );
  const base =
    source.scope === undefined
      ? `${String(scope.subscription.id)}/resourceGroups/${resourceGroup}`
      : String(evaluate(source.scope, scope));
  const inner =
    type === NESTED && textAt(source, 'properties.expressionEvaluationOptions.scope')?.toLowerCase() === 'inner';
  const dependsOn = listAt(source, 'dependsOn').map((item) => String(evaluate(item, scope)));
  return { id: resourceId(base, type, names), type, name, resourceGroup, dependsOn, source, inner };
}

/** Dependencies may be ids or names; those on resources outside of the template are an error, as are circles. */
function withKnownDependencies(planned: Planned[], template: JsonObject, scope: Scope): Planned[] {
  const skipped = translated(() =>
    listAt(template, 'resources')
      .filter(isObject)
      .filter((source) => !isWanted(source, scope))
      .map((source) => String(evaluate(source.name, scope))),
  );
  const resolved = planned.map((one) => ({
    ...one,
    dependsOn: one.dependsOn.flatMap((wanted) => {
      const found = planned.find((other) => keyOf(other.id) === keyOf(wanted) || keyOf(other.name) === keyOf(wanted));
      if (found) return [found.id];
      if (skipped.some((name) => keyOf(wanted).endsWith(keyOf(name)))) return [];
      throw invalidTemplate(
        `The resource '${wanted}' is not defined in the template. Please see https://aka.ms/arm-syntax for usage details.`,
      );
    }),
  }));
  checkCircles(resolved);
  return resolved;
}

function checkCircles(planned: readonly Planned[]): void {
  const done = new Set<string>();
  for (let left = [...planned]; left.length > 0;) {
    const ready = left.filter((one) => one.dependsOn.every((id) => done.has(id)));
    if (ready.length === 0)
      throw invalidTemplate(
        `Circular dependency detected on resource: '${left[0]?.id}'. Please see https://aka.ms/arm-syntax-resources for usage details.`,
      );
    for (const one of ready) done.add(one.id);
    left = left.filter((one) => !done.has(one.id));
  }
}

function translated<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof ExpressionError) throw invalidTemplate(error.message);
    throw error;
  }
}
