import { isObject, valueAt, type JsonObject } from '../json';
import { parseExpression, type Expression } from './expression-parser';
import { idBelow, plainFunctions, type TemplateFunction } from './template-functions';

/** What the functions of a template can see. */
export interface Scope {
  subscription: JsonObject;
  resourceGroup: JsonObject;
  deploymentName: string;
  parameters: JsonObject;
  variables: JsonObject;
  /** Properties of an existing resource by id, or by name within the deployment; undefined when there is none. */
  reference(idOrName: string, full: boolean): unknown;
  listKeys(id: string): unknown;
}

/** A template that cannot be evaluated. */
export class ExpressionError extends Error {}

/** Functions that only make sense while a deployment runs. */
const RUNTIME_FUNCTIONS = ['reference', 'listkeys'];

/** Evaluates every expression in a value, at any depth. Members named in `raw` stay as they are. */
export function evaluate(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') return evaluateText(value, scope);
  if (Array.isArray(value)) return value.map((item) => evaluate(item, scope));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [String(evaluateText(key, scope)), evaluate(item, scope)]),
  );
}

function evaluateText(source: string, scope: Scope): unknown {
  if (source.startsWith('[[')) return source.slice(1);
  if (!isExpression(source)) return source;
  return run(parsed(source), scope);
}

const isExpression = (source: string): boolean =>
  source.startsWith('[') && source.endsWith(']') && !source.startsWith('[[');

function parsed(source: string): Expression {
  try {
    return parseExpression(source.slice(1, -1));
  } catch (error) {
    throw new ExpressionError(
      `Unable to parse language expression '${source.slice(1, -1)}': ${(error as Error).message}`,
    );
  }
}

/** Whether a value needs the deployment to run before it is known. */
export function needsRuntime(value: unknown): boolean {
  if (typeof value === 'string')
    return isExpression(value) && RUNTIME_FUNCTIONS.some((name) => new RegExp(`\\b${name}\\(`, 'i').test(value));
  if (Array.isArray(value)) return value.some(needsRuntime);
  return isObject(value) && Object.values(value).some(needsRuntime);
}

function run(tree: Expression, scope: Scope): unknown {
  if (tree.kind === 'literal') return tree.value;
  if (tree.kind === 'member') return memberOf(run(tree.of, scope), run(tree.name, scope));
  if (tree.name.toLowerCase() === 'if') return conditional(tree.args, scope);
  return call(
    tree.name,
    tree.args.map((arg) => run(arg, scope)),
    scope,
  );
}

/** Only the branch that is taken is evaluated. */
function conditional([condition, yes, no]: Expression[], scope: Scope): unknown {
  if (!condition || !yes || !no) throw new ExpressionError("The template function 'if' takes three arguments.");
  return run(condition, scope) === true ? run(yes, scope) : run(no, scope);
}

function memberOf(value: unknown, name: unknown): unknown {
  const found = valueAt(value, String(name));
  if (found !== undefined) return found;
  throw new ExpressionError(
    `The language expression property '${String(name)}' doesn't exist, available properties are '${isObject(value) ? Object.keys(value).join(', ') : ''}'.`,
  );
}

function call(name: string, args: unknown[], scope: Scope): unknown {
  const found = contextFunctions(scope)[name.toLowerCase()] ?? plainFunctions[name.toLowerCase()];
  if (!found) throw new ExpressionError(`The template function '${name}' is not valid.`);
  try {
    return found(...args);
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    throw new ExpressionError(`Unable to evaluate template language function '${name}': ${(error as Error).message}.`);
  }
}

function contextFunctions(scope: Scope): Record<string, TemplateFunction> {
  return {
    parameters: (name) => named(scope.parameters, 'parameter', name),
    variables: (name) => evaluate(named(scope.variables, 'variable', name), scope),
    subscription: () => scope.subscription,
    resourcegroup: () => scope.resourceGroup,
    tenant: () => ({ tenantId: scope.subscription.tenantId }),
    deployment: () => ({ name: scope.deploymentName, properties: {} }),
    environment: () => ({
      name: 'AzureCloud',
      suffixes: { storage: 'core.windows.net', keyvaultDns: '.vault.azure.net' },
    }),
    resourceid: (...args) => resourceIdOf(args.map(String), scope),
    subscriptionresourceid: (type, ...names) => idBelow(String(scope.subscription.id), type, names),
    extensionresourceid: (base, type, ...names) => idBelow(String(base), type, names),
    reference: (id, _version, full) => referenced(scope, String(id), String(full).toLowerCase() === 'full'),
    listkeys: (id) => scope.listKeys(String(id)),
  };
}

function named(values: JsonObject, kind: string, name: unknown): unknown {
  const found = valueAt(values, String(name));
  if (found === undefined) throw new ExpressionError(`The template ${kind} '${String(name)}' is not found.`);
  return found;
}

/** `resourceId([subscription,] [group,] type, names…)`: the type is the first argument with a slash. */
function resourceIdOf(args: readonly string[], scope: Scope): string {
  const typeAt = args.findIndex((arg) => arg.includes('/'));
  const [group, subscription] = args.slice(0, Math.max(0, typeAt)).reverse();
  const subscriptionId = subscription ? `/subscriptions/${subscription}` : String(scope.subscription.id);
  const groupName = group ?? String(scope.resourceGroup.name);
  return idBelow(`${subscriptionId}/resourceGroups/${groupName}`, args[typeAt], args.slice(typeAt + 1));
}

function referenced(scope: Scope, idOrName: string, full: boolean): unknown {
  const found = scope.reference(idOrName, full);
  if (found === undefined)
    throw new ExpressionError(`The resource '${idOrName}' is not defined in the template or was not found.`);
  return found;
}
