import type { Clock } from '../../clock';
import type { SimRequest } from '../http';
import { ArmError } from './errors';
import { parseTarget, typeOf, type Target } from './ids';

/** Requests per minute and the size of the bucket. */
type Rate = readonly [perMinute: number, burst: number];
interface Rule {
  name: string;
  perResource?: Rate;
  perSubscription: Rate;
}
interface Bucket {
  tokens: number;
  at: number;
}

/** Compute's published token buckets (compute-throttling-limits), per scale set or VM and per subscription. */
const COMPUTE: Record<string, Rule> = {
  putScaleSet: { name: 'PutVMScaleSet', perResource: [4, 12], perSubscription: [125, 375] },
  updateScaleSet: { name: 'UpdateVMScaleSet', perResource: [4, 12], perSubscription: [500, 1500] },
  batchAction: { name: 'VMScaleSetBatchedVMRequests', perSubscription: [500, 1500] },
  deleteScaleSet: { name: 'DeleteVMScaleSet', perResource: [4, 12], perSubscription: [175, 525] },
  getScaleSet: { name: 'GetVMScaleSet', perResource: [12, 36], perSubscription: [800, 2400] },
  listScaleSet: { name: 'HighCostGetVMScaleSet', perResource: [10, 30], perSubscription: [360, 1080] },
  updateInstance: { name: 'UpdateVMScaleSetVM', perResource: [4, 12], perSubscription: [500, 1500] },
  deleteInstance: { name: 'DeleteVMScaleSetVM', perResource: [4, 12], perSubscription: [500, 1500] },
  getInstance: { name: 'GetVMScaleSetVM', perResource: [12, 36], perSubscription: [2000, 6000] },
  writeVm: { name: 'UpdateVM', perResource: [4, 12], perSubscription: [500, 1500] },
  getOperation: { name: 'GetOperation', perResource: [15, 45], perSubscription: [5000, 15000] },
};

/** Resource Manager's own buckets, per subscription and principal (request-limits-and-throttling); refill per second × 60. */
const FRONT: Record<'reads' | 'writes' | 'deletes', Rate> = {
  reads: [25 * 60, 250],
  writes: [10 * 60, 200],
  deletes: [10 * 60, 200],
};

export interface Throttle {
  /** Takes the request's tokens, or throws the 429. Returns the headers that tell what is left. */
  take(request: SimRequest, operationOwner: (id: string) => string | undefined): Record<string, string>;
}

/** Buckets are not stored: a restart of the laptop's Azure refills them, as some minutes would. */
export function createThrottle(clock: Clock): Throttle {
  const buckets = new Map<string, Bucket>();
  const take = (key: string, [perMinute, burst]: Rate): { left: number; waitMs: number } => {
    const now = clock.now();
    const bucket = buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perMinute) / 60_000);
    const allowed = tokens >= 1;
    buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return { left: Math.floor(allowed ? tokens - 1 : 0), waitMs: allowed ? 0 : ((1 - tokens) * 60_000) / perMinute };
  };

  return {
    take(request, operationOwner) {
      const target = parseTarget(request.url.pathname);
      if (!target) return {};
      const kind = frontKind(request.method);
      const front = take(`arm/${target.subscriptionId}/${kind}`, FRONT[kind]);
      if (front.waitMs > 0) throw frontThrottled(kind, target.subscriptionId, front.waitMs);
      const headers: Record<string, string> = { [`x-ms-ratelimit-remaining-subscription-${kind}`]: String(front.left) };
      const rule = computeRule(request.method, target);
      if (!rule) return headers;
      const owner = ownerOf(request, target, operationOwner);
      const left = [
        ...(rule.perResource && owner ? [take(`${rule.name}/${owner}`, rule.perResource)] : []),
        take(`${rule.name}/${target.subscriptionId}`, rule.perSubscription),
      ];
      const waitMs = Math.max(...left.map((bucket) => bucket.waitMs));
      if (waitMs > 0) throw computeThrottled(rule.name, waitMs);
      const remaining = left.map(
        (bucket, index) => `Microsoft.Compute/${rule.name}${index ? 'Subscription' : ''}1Min;${bucket.left}`,
      );
      return { ...headers, 'x-ms-ratelimit-remaining-resource': remaining.join(',') };
    },
  };
}

const frontKind = (method: string): keyof typeof FRONT =>
  method === 'GET' || method === 'HEAD' ? 'reads' : method === 'DELETE' ? 'deletes' : 'writes';

/** A scale set's buckets are shared by all of its instances, a VM has its own. */
function ownerOf(
  request: SimRequest,
  target: Target,
  operationOwner: (id: string) => string | undefined,
): string | undefined {
  if (target.types.includes('operations')) return operationOwner(target.names[1] ?? '')?.toLowerCase();
  return target.names[0] && `${target.resourceGroup}/${target.types[0]}/${target.names[0]}`.toLowerCase();
}

const BATCH_ACTIONS = ['start', 'restart', 'reimage', 'reimageall', 'manualupgrade', 'poweroff', 'redeploy'];

function computeRule(method: string, target: Target): Rule | undefined {
  const type = typeOf(target).toLowerCase();
  if (!type.startsWith('microsoft.compute/')) return undefined;
  if (type === 'microsoft.compute/locations/operations') return COMPUTE.getOperation;
  const read = method === 'GET';
  const last = target.types[target.types.length - 1]?.toLowerCase() ?? '';
  if (type.startsWith('microsoft.compute/virtualmachines')) return read ? undefined : COMPUTE.writeVm;
  if (!type.startsWith('microsoft.compute/virtualmachinescalesets')) return undefined;
  if (target.types[1]?.toLowerCase() === 'virtualmachines') {
    if (read) return target.names.length < 2 ? COMPUTE.listScaleSet : COMPUTE.getInstance;
    return method === 'DELETE' ? COMPUTE.deleteInstance : COMPUTE.updateInstance;
  }
  if (read) return last === 'virtualmachinescalesets' ? COMPUTE.getScaleSet : COMPUTE.listScaleSet;
  if (method === 'DELETE' || last === 'delete' || last === 'deallocate') return COMPUTE.deleteScaleSet;
  if (BATCH_ACTIONS.includes(last)) return COMPUTE.batchAction;
  return method === 'PUT' ? COMPUTE.putScaleSet : COMPUTE.updateScaleSet;
}

const retryAfter = (waitMs: number): Record<string, string> => ({
  'retry-after': String(Math.max(1, Math.ceil(waitMs / 1_000))),
});

const frontThrottled = (kind: string, subscription: string, waitMs: number): ArmError =>
  new ArmError(
    429,
    'SubscriptionRequestsThrottled',
    `Number of '${kind}' requests for subscription '${subscription}' exceeded the limit. Please try again after '${Math.ceil(waitMs / 1_000)}' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.`,
    { headers: retryAfter(waitMs) },
  );

const computeThrottled = (rule: string, waitMs: number): ArmError =>
  new ArmError(
    429,
    'OperationNotAllowed',
    'The server rejected the request because too many requests have been received for this subscription.',
    {
      headers: retryAfter(waitMs),
      details: [{ code: 'TooManyRequests', target: rule, message: `{"operationGroup":"${rule}"}` }],
    },
  );
