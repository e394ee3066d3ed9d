import type { ErrorCode } from '../shared/model/errors';
import type { Problem } from './failure';

type Known = Pick<Problem, 'code' | 'status' | 'operation'>;

/** What helps, in commands of this program. docs/errors.md has the whole story of each code. */
const STEPS: Partial<Record<ErrorCode, string | ((problem: Known) => string)>> = {
  CLUSTER_NOT_FOUND: 'starling status lists the clusters; starling up -c NAME makes one',
  OPERATION_NOT_FOUND: 'starling operations list shows the latest ones of a cluster',
  NODE_NOT_FOUND: 'starling nodes lists them',
  WORKLOAD_NOT_FOUND: 'starling workload list shows what there is',
  NO_DEPLOYMENT: 'ask again in a moment; starling watch shows how far the deploy is',
  OPERATION_IN_PROGRESS: ({ operation }) =>
    operation
      ? `starling operations wait ${operation}, or starling operations cancel ${operation}`
      : 'starling operations list shows it; wait for it or cancel it',
  CLUSTER_STOPPED: 'starling start powers it on',
  CLUSTER_NOT_READY: 'starling status says why; try again in a moment',
  INVALID_REQUEST: 'mend what is named above; starling help COMMAND shows the options',
  BODY_TOO_LARGE: 'send less: split a manifest into several workloads',
  IMMUTABLE_FIELD: 'starling up -c ANOTHER deploys a cluster with it, or starling down this one first',
  UNSUPPORTED_ENGINE:
    'starling nodes and starling workload list show what there is; starling ssh leads to the engine itself',
  QUOTA_EXCEEDED: 'starling sizes shows what is left; ask Azure for more, or use another size or location',
  CAPACITY_UNAVAILABLE: 'try another size or location, or the same later',
  NAME_TAKEN: 'choose another name with -c',
  DEPLOYMENT_FAILED: 'starling deployment shows each resource; starling up tries again',
  DEADLINE_EXCEEDED: 'starling nodes and starling events show what it waited for; repeat the command to go on',
  NEVER_JOINED: 'starling logs NODE --unit starling-join shows why',
  QUORUM_AT_RISK: 'starling nodes shows which master is unwell; starling repair MASTER makes it anew',
  WORKLOAD_REFUSED: 'mend the manifest as the engine says',
  CHAOS_DEVIATED: 'starling chaos list and starling events show what did not come back',
  ENGINE_UNREACHABLE: 'starling status shows the masters; try again in a moment',
  LEFTOVERS: 'starling down again; what cannot be deleted is named above',
  CANCELLED: 'nothing is left half done; repeat the command when you want it after all',
  AZURE_UNAVAILABLE: 'try again in a moment',
  AZURE_DENIED: 'give the app the rights that infra/main.bicep lists; its log names the missing one',
};

/** One line; never empty. */
export function nextStep(problem: Known): string {
  const step = STEPS[problem.code as ErrorCode];
  if (typeof step === 'string') return step;
  return step?.(problem) ?? fallback(problem);
}

function fallback({ code, status }: Known): string {
  if (status === 401 || status === 403) return 'check STARLING_KEY, or sign in with az login';
  if (status === 429 || status === 503) return 'try again in a moment';
  return `docs/errors.md explains ${code}`;
}
