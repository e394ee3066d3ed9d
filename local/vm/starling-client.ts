import { createHash } from 'node:crypto';
import type { Handler } from '../azure/http';
import type { Clock } from '../clock';
import type { Guest } from './guest';

/** What curl would tell: status 0 is no answer. */
export interface Answer {
  status: number;
  retryAfterSeconds?: number;
  body: string;
}

export type AttestedRoute = 'join' | 'ready' | 'leave' | 'storage';

/** How a guest speaks with its IMDS and with the app. */
export interface StarlingClient {
  /** POSTs claims with a fresh attestation whose nonce is bound to exactly their bytes. Never rejects. */
  post(guest: Guest, route: AttestedRoute, environment: Record<string, string>, more?: object): Promise<Answer>;
  /** Approves a scheduled event. False when IMDS did not take it. */
  acknowledge(guest: Guest, eventId: string): Promise<boolean>;
}

const IMDS_VERSION = '2025-04-07';
/** Hundreds of agents in one process must not open hundreds of sockets at once. Masters are few, and all others wait for them. */
const CONCURRENT_AGENTS = 32;
const POST_TIMEOUT_MS = 60_000; // as curl --max-time in the node's script; real time, because what it bounds is real
const NO_ANSWER: Answer = { status: 0, body: '' };

export function createStarlingClient(
  imds: () => Handler,
  fetch: typeof globalThis.fetch,
  clock: Clock,
): StarlingClient {
  const limited = createLimit(CONCURRENT_AGENTS);
  const ask = async (
    method: string,
    vmId: string,
    path: string,
    body = '',
  ): Promise<{ status: number; body: unknown }> => {
    const url = new URL(`http://169.254.169.254/${vmId}${path}`);
    const answer = await imds()({ method, url, headers: { metadata: 'true' }, body });
    return { status: answer.status, body: answer.body };
  };
  const attest = async (vmId: string, nonce: string): Promise<string | undefined> => {
    const path = `/metadata/attested/document?api-version=${IMDS_VERSION}&nonce=${nonce}`;
    const { status, body } = await ask('GET', vmId, path);
    return status === 200 ? (body as { signature: string }).signature : undefined;
  };

  const post: StarlingClient['post'] = async (guest, route, environment, more = {}) => {
    const claims = claimsText(guest, environment.STARLING_CLUSTER ?? '', more);
    const nonce = createHash('sha256').update(claims, 'utf8').digest('hex').slice(0, 32);
    const attestation = await attest(guest.spec.vmId, nonce);
    if (attestation === undefined) return NO_ANSWER;
    const url = `${environment.STARLING_URL}/api/clusters/${environment.STARLING_CLUSTER}/${route}`;
    const askedAt = clock.now();
    const answer = await send(fetch, url, JSON.stringify({ claims, attestation }));
    return isTooLate(answer, clock.now() - askedAt) ? NO_ANSWER : answer;
  };

  return {
    post: (guest, ...about) => (guest.spec.scaleSet ? limited(() => post(guest, ...about)) : post(guest, ...about)),
    async acknowledge({ spec }, eventId) {
      const path = '/metadata/scheduledevents?api-version=2020-07-01';
      const body = JSON.stringify({ StartRequests: [{ EventId: eventId }] });
      return (await ask('POST', spec.vmId, path, body)).status === 200;
    },
  };
}

/**
 * Where simulated time is fast and this machine slow, a document may be too old when it arrives. In Azure curl gives up after
 * a minute, long before that, and the node asks again with a new one.
 */
const isTooLate = ({ status }: Answer, tookMs: number): boolean => status === 401 && tookMs > POST_TIMEOUT_MS;

/** `agents_3` gives `3`; a single VM is called by its name. */
const claimsText = ({ spec, state }: Guest, cluster: string, more: object): string =>
  JSON.stringify({
    cluster,
    hostname: spec.computerName,
    instanceId: spec.scaleSet?.instanceId ?? spec.name,
    bootId: state.bootId,
    ...more,
  });

async function send(fetch: typeof globalThis.fetch, url: string, body: string): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
    const retryAfter = response.headers.get('retry-after');
    const wait = retryAfter !== null && /^\d+$/.test(retryAfter) ? { retryAfterSeconds: Number(retryAfter) } : {};
    return { status: response.status, body: await response.text(), ...wait };
  } catch {
    return NO_ANSWER; // refused, reset, timed out or no URL at all: curl says 000 to all of them
  }
}

/** Runs at most `count` at a time, in the order of asking. */
function createLimit(count: number): <T>(run: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (running >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next)
        next(); // hands its place over
      else running -= 1;
    }
  };
}
