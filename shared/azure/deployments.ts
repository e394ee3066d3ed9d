import { isDeepStrictEqual } from 'node:util';
import type { Deployment as AzureDeployment, DeploymentExtended, DeploymentOperation } from '@azure/arm-resources';
import { computeGroup } from '../model/cluster';
import { AppError, type Outcome } from '../model/errors';
import type { Deployment, DeploymentPart, ResourceProgress } from '../ports';
import type { AzureClients } from './clients';
import { deepestError, describe, failureOf, foundOrUndefined, meaningOf, readFailure, toRefusal } from './errors';

/** One deployment per part, always of the same name: a repeat converges, and the latest is the one that counts. */
const DEPLOYMENT = 'starling';
const nameOf = (part: DeploymentPart): string => (part === 'all' ? DEPLOYMENT : `${DEPLOYMENT}-${part}`);

const ACTIVE_RETRY_MS = 30_000;
/** Templates nest once; more would be a mistake, and a cycle ends. */
const MAX_NESTING = 5;

interface Submission {
  template: unknown;
  parameters: unknown;
  part: DeploymentPart;
}

export async function beginDeployment(
  clients: AzureClients,
  cluster: string,
  submission: Submission,
): Promise<Outcome<object>> {
  let accepted = false;
  try {
    await clients
      .resources()
      .deployments.beginCreateOrUpdate(computeGroup(cluster), nameOf(submission.part), bodyOf(submission), {
        onResponse: ({ status }) => {
          accepted ||= status < 300;
        },
      });
  } catch (error) {
    // The SDK polls once after Azure accepted; what that says stands in `getDeployment` too.
    if (accepted) return { ok: true };
    if (readFailure(error)?.code === 'DeploymentActive') return whileActive(clients, cluster, submission);
    return toRefusal(error, 'DEPLOYMENT_FAILED');
  }
  return { ok: true };
}

const bodyOf = ({ template, parameters }: Submission): AzureDeployment => ({
  properties: {
    mode: 'Incremental',
    template: template as Record<string, unknown>,
    parameters: parameters as Record<string, { value: unknown }>,
  },
});

/** Azure refuses a second deployment of the same name while one runs. The same template and parameters again is a repeat. */
async function whileActive(
  clients: AzureClients,
  cluster: string,
  { template, parameters, part }: Submission,
): Promise<Outcome<object>> {
  const [active, submitted] = await Promise.all([
    getDeployment(clients, cluster, part),
    getTemplate(clients, cluster, part),
  ]);
  const isRepeat = isDeepStrictEqual(submitted, asJson(template)) && sameValues(active?.parameters, asJson(parameters));
  if (isRepeat) return { ok: true };
  throw new AppError('AZURE_UNAVAILABLE', `Another deployment of ${cluster} is still running at Azure`, {
    retryAfterMs: ACTIVE_RETRY_MS,
  });
}

/** What becomes of a value on its way to Azure. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? {}));

/** Azure adds types and defaults, and keeps secret values to itself. */
function sameValues(active: unknown, asked: unknown): boolean {
  const held = valuesOf(active as Record<string, unknown>);
  return Object.entries(valuesOf(asked as Record<string, unknown>)).every(
    ([name, value]) => held[name] === undefined || isDeepStrictEqual(held[name], value),
  );
}

export async function getDeployment(
  clients: AzureClients,
  cluster: string,
  part: DeploymentPart,
): Promise<Deployment | undefined> {
  const deployment = await readDeployment(clients, cluster, part);
  if (!deployment) return undefined;
  const { provisioningState, parameters, outputs, error } = deployment.properties ?? {};
  return {
    state: stateOf(provisioningState),
    parameters: parameters ?? {},
    outputs: valuesOf(outputs),
    ...(error ? failureIn(error) : {}),
  };
}

/** The same words as of a failed write on the scale set: a caller must not care which of the two found no room. */
function failureIn(error: unknown): Pick<Deployment, 'code' | 'message'> {
  const failure = failureOf(0, error);
  const code = meaningOf(failure)?.code;
  const isExplained = code === 'QUOTA_EXCEEDED' || code === 'CAPACITY_UNAVAILABLE';
  return { code: isExplained ? code : 'DEPLOYMENT_FAILED', message: describe(failure) };
}

/** ARM does not return the template with the deployment; it is exported by a call of its own. */
export async function getTemplate(
  clients: AzureClients,
  cluster: string,
  part: DeploymentPart = 'all',
): Promise<unknown> {
  const exported = await foundOrUndefined(() =>
    clients.resources().deployments.exportTemplate(computeGroup(cluster), nameOf(part)),
  );
  return exported?.template;
}

export const listDeploymentOperations = (
  clients: AzureClients,
  cluster: string,
  part: DeploymentPart,
): Promise<ResourceProgress[]> => listOperations(clients, computeGroup(cluster), nameOf(part), 0);

async function listOperations(
  clients: AzureClients,
  group: string,
  name: string,
  depth: number,
): Promise<ResourceProgress[]> {
  const operations = await foundOrUndefined(async () => {
    const found: DeploymentOperation[] = [];
    for await (const operation of clients.resources().deploymentOperations.list(group, name)) found.push(operation);
    return found;
  });
  const progress: ResourceProgress[] = [];
  for (const operation of operations ?? []) {
    progress.push(...progressOf(operation));
    const nested = nestedOf(operation);
    if (nested && depth < MAX_NESTING) {
      progress.push(...(await listOperations(clients, nested.group, nested.name, depth + 1)));
    }
  }
  return progress;
}

/** Azure also lists steps without a resource, such as the evaluation of outputs; they are nobody's progress. */
function progressOf({ properties }: DeploymentOperation): ResourceProgress[] {
  const target = properties?.targetResource;
  if (!target?.resourceName || !target.resourceType) return [];
  const error = deepestError(properties?.statusMessage);
  return [
    {
      name: target.resourceName,
      type: target.resourceType,
      state: stateOf(properties?.provisioningState),
      ...(error ? { code: error.code, message: error.message } : {}),
    },
  ];
}

/** `/subscriptions/…/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{name}` */
function nestedOf({ properties }: DeploymentOperation): { group: string; name: string } | undefined {
  const id = properties?.targetResource?.id ?? '';
  const match = /\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Resources\/deployments\/([^/]+)$/i.exec(id);
  return match?.[1] && match[2] ? { group: match[1], name: match[2] } : undefined;
}

const readDeployment = (
  clients: AzureClients,
  cluster: string,
  part: DeploymentPart,
): Promise<DeploymentExtended | undefined> =>
  foundOrUndefined(() => clients.resources().deployments.get(computeGroup(cluster), nameOf(part)));

function stateOf(provisioningState: string | undefined): ResourceProgress['state'] {
  if (/^succeeded$/i.test(provisioningState ?? '')) return 'succeeded';
  return /^(failed|cancell?ed)$/i.test(provisioningState ?? '') ? 'failed' : 'running';
}

/** `{"fqdn":{"type":"String","value":"…"}}` to `{"fqdn":"…"}`. */
function valuesOf(outputs: Record<string, unknown> | undefined): Record<string, unknown> {
  const valueOf = (output: unknown): unknown =>
    typeof output === 'object' && output !== null && 'value' in output ? output.value : output;
  return Object.fromEntries(Object.entries(outputs ?? {}).map(([name, output]) => [name, valueOf(output)]));
}
