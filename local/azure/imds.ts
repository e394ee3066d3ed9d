import type { Clock } from '../clock';
import type { MachineInventory } from '../vm/inventory';
import type { MachineSpec, ScheduledEvent } from '../vm/machine';
import type { MachineState } from '../vm/machine-state';
import type { EventDocument } from '../vm/scheduled-events';
import type { Handler, SimRequest, SimResponse } from './http';
import type { Forgery, LocalPki } from './pki';

export interface ImdsDependencies {
  machines: MachineInventory;
  pki: Pick<LocalPki, 'signDocument' | 'forge'>;
  clock: Clock;
  /** A guest approves that an announced event begins, its own or another's; Azure need not wait for its time any longer. */
  onAcknowledge?: (eventId: string) => void;
}

const NEWEST_VERSIONS = ['2025-04-07', '2023-11-15', '2023-07-01'];
const FIRST_VERSION = '2017-04-02';
/** 5 requests a second and VM, then 429. */
const REQUESTS_PER_SECOND = 5;
/** Just after power on IMDS does not know the VM yet and says 410; guests retry for up to 70 s. */
const GONE_AFTER_BOOT_MS = 2_000;

interface Guest {
  spec: MachineSpec;
  state: MachineState;
}

/**
 * The Instance Metadata Service of every VM behind one listener: `/{vmId}/metadata/…` stands for
 * `http://169.254.169.254/metadata/…` asked from inside that VM. A VM that is off asks nobody, so it gets 404.
 */
export function createImds({ machines, pki, clock, onAcknowledge }: ImdsDependencies): Handler {
  const recent = new Map<string, number[]>();
  const isTooMany = (vmId: string): boolean => {
    const lastSecond = (recent.get(vmId) ?? []).filter((at) => at > clock.now() - 1_000);
    recent.set(vmId, [...lastSecond, clock.now()].slice(-REQUESTS_PER_SECOND));
    return lastSecond.length >= REQUESTS_PER_SECOND;
  };
  const answer = (request: SimRequest, guest: Guest, path: string): SimResponse => {
    if (path === '/metadata/instance' || path.startsWith('/metadata/instance/')) return instance(request, guest, path);
    if (path === '/metadata/attested/document') return attestedDocument(request, guest, pki);
    if (path === '/metadata/scheduledevents') {
      if (request.method === 'GET') machines.scheduledEvents.polled(guest.spec.vmId, clock.now());
      return scheduledEvents(request, machines.scheduledEvents.visibleTo(guest.spec), onAcknowledge);
    }
    if (path === '/metadata/versions') return ok({ apiVersions: [FIRST_VERSION, ...NEWEST_VERSIONS.toReversed()] });
    return failure(404, 'Not found');
  };

  return (request) => {
    const [, vmId = '', path = ''] = /^\/([^/]+)(\/metadata\/.*?)\/?$/.exec(request.url.pathname) ?? [];
    const [spec, state] = [machines.spec(vmId.toLowerCase()), machines.state(vmId.toLowerCase())];
    if (!spec || !state || !['up', 'stopping'].includes(state.power)) return failure(404, 'No such machine is running');
    const refused = refusal(request, path);
    if (refused) return refused;
    if (isTooMany(vmId)) return { ...failure(429, 'Too many requests'), headers: { 'retry-after': '1' } };
    if (clock.now() < state.upSince + GONE_AFTER_BOOT_MS) return failure(410, 'Gone');
    return answer(request, { spec, state }, path);
  };
}

/** Rules of every endpoint: the header that a server-side forgery cannot set, no proxy, and a version. */
function refusal({ headers, url }: SimRequest, path: string): SimResponse | undefined {
  if (headers['x-forwarded-for'] !== undefined) return failure(400, 'Bad request. Proxied requests are refused');
  if (headers.metadata?.toLowerCase() !== 'true')
    return failure(400, 'Bad request. Required metadata header not specified');
  if (path === '/metadata/versions') return undefined;
  const version = url.searchParams.get('api-version');
  if (version !== null && /^\d{4}-\d\d-\d\d$/.test(version) && version >= FIRST_VERSION) return undefined;
  const why = version === null ? 'api-version was not specified in the request' : 'api-version is invalid';
  return { status: 400, body: { error: `Bad request. ${why}`, 'newest-versions': NEWEST_VERSIONS } };
}

function instance({ method, url }: SimRequest, guest: Guest, path: string): SimResponse {
  if (method !== 'GET') return failure(405, 'Method not allowed');
  let value: unknown = instanceDocument(guest.spec);
  for (const step of path.split('/').slice(3)) value = (value as Record<string, unknown> | undefined)?.[step];
  if (value === undefined) return failure(404, 'Not found');
  if (url.searchParams.get('format') !== 'text')
    return typeof value === 'object' ? ok(value as object) : ok(String(value));
  return typeof value === 'object' ? failure(400, 'Bad request. text is for single values') : ok(String(value));
}

function instanceDocument(spec: MachineSpec): object {
  return {
    compute: {
      azEnvironment: 'AzurePublicCloud',
      location: spec.location,
      name: spec.name,
      osProfile: { adminUsername: '', computerName: spec.computerName },
      osType: 'Linux',
      priority: spec.priority,
      resourceGroupName: spec.resourceGroup,
      resourceId: spec.resourceId,
      sku: spec.imageReference?.sku ?? '',
      subscriptionId: spec.subscriptionId,
      tagsList: Object.entries(spec.tags).map(([name, value]) => ({ name, value })),
      tags: Object.entries(spec.tags)
        .map(([name, value]) => `${name}:${value}`)
        .join(';'),
      userData: '',
      vmId: spec.vmId,
      // For a Uniform scale set IMDS tells the name, but leaves virtualMachineScaleSet.id empty.
      vmScaleSetName: spec.scaleSet?.name ?? '',
      virtualMachineScaleSet: { id: '' },
      vmSize: spec.size,
      zone: '',
    },
    network: { interface: [{ ipv4: { ipAddress: [{ privateIpAddress: spec.privateIp, publicIpAddress: '' }] } }] },
  };
}

/** The documentation speaks of 10 digits; 32 characters are what IMDS takes at most. */
const NONCE_LENGTH = 32;

function attestedDocument(
  { method, url }: SimRequest,
  { spec }: Guest,
  pki: Pick<LocalPki, 'signDocument'>,
): SimResponse {
  if (method !== 'GET') return failure(405, 'Method not allowed');
  const nonce = url.searchParams.get('nonce') ?? undefined;
  if (nonce !== undefined && nonce.length > NONCE_LENGTH) return failure(400, 'Bad request. Nonce is too long');
  return ok({ encoding: 'pkcs7', signature: pki.signDocument(contentOf(spec, nonce)) });
}

const contentOf = ({ vmId, subscriptionId, imageReference }: MachineSpec, nonce: string | undefined) => ({
  vmId,
  subscriptionId,
  ...(nonce !== undefined && { nonce }),
  sku: imageReference?.sku ?? '',
});

/** The first version that shows a kind of event, and a few of its fields. */
const SHOWN_SINCE = {
  Terminate: '2019-01-01',
  Preempt: '2017-11-01',
  EventSource: '2019-08-01',
  DurationInSeconds: '2020-07-01',
};

function scheduledEvents(
  { method, url, body }: SimRequest,
  { DocumentIncarnation, Events }: EventDocument,
  onAcknowledge: ImdsDependencies['onAcknowledge'],
): SimResponse {
  const version = url.searchParams.get('api-version') ?? '';
  if (method === 'GET') return ok({ DocumentIncarnation, Events: Events.flatMap((event) => shown(event, version)) });
  if (method !== 'POST') return failure(405, 'Method not allowed');
  const ids = startRequests(body);
  if (!ids) return failure(400, 'Bad request. StartRequests with an EventId each is required');
  const unknown = ids.find((id) => !Events.some((event) => event.EventId === id));
  if (unknown !== undefined) return failure(400, `Bad request. There is no event ${unknown}`);
  for (const id of ids) onAcknowledge?.(id);
  return { status: 200 };
}

function shown(event: ScheduledEvent, version: string): Partial<ScheduledEvent>[] {
  const since = (name: string): string => SHOWN_SINCE[name as keyof typeof SHOWN_SINCE] ?? FIRST_VERSION;
  if (version < since(event.EventType)) return [];
  return [Object.fromEntries(Object.entries(event).filter(([field]) => version >= since(field)))];
}

/** Sample: `{"StartRequests":[{"EventId":"…"}]}`. */
function startRequests(body: string): string[] | undefined {
  try {
    const { StartRequests } = JSON.parse(body) as { StartRequests?: { EventId?: unknown }[] };
    const ids = StartRequests?.map(({ EventId }) => EventId);
    return ids?.every((id) => typeof id === 'string') && ids.length > 0 ? (ids as string[]) : undefined;
  } catch {
    return undefined;
  }
}

const FORGERIES: readonly string[] = ['signature', 'issuer', 'subscription', 'expired', 'san', 'two-signers'];

/** `GET /_local/attestation?cluster=&instanceId=&nonce=[&forge=]`: what that VM's IMDS would answer, or a bad one. */
export function createAttestationControl({ machines, pki }: Pick<ImdsDependencies, 'machines' | 'pki'>): Handler {
  return ({ method, url: { searchParams: query } }) => {
    if (method !== 'GET') return failure(405, 'only GET');
    const spec = machines.findInstance(query.get('cluster') ?? '', query.get('instanceId') ?? '');
    if (!spec) return failure(404, 'no such machine');
    const forge = query.get('forge');
    if (forge !== null && !FORGERIES.includes(forge))
      return failure(400, `forge must be one of ${FORGERIES.join(', ')}`);
    const nonce = query.get('nonce') ?? undefined;
    if (nonce !== undefined && nonce.length > NONCE_LENGTH) return failure(400, 'nonce: 32 characters at most');
    const content = contentOf(spec, nonce);
    const signature = forge === null ? pki.signDocument(content) : pki.forge(forge as Forgery, content);
    return ok({ encoding: 'pkcs7', signature });
  };
}

const ok = (body: object | string): SimResponse => ({ status: 200, body });
const failure = (status: number, error: string): SimResponse => ({ status, body: { error } });
