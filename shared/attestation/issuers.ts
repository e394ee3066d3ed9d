import { Certificate, readCertificate } from './certificate';

/**
 * Fetches the certificate that a CA-Issuers URL names: DER, or PEM as text bytes. Rejects with `IssuerUnusable` when a
 * repeat would not help; any other rejection means that it could not be had now.
 */
export type FetchIssuer = (url: URL) => Promise<Uint8Array>;

/** The URL is not one to ask, or what it answered is not a certificate. */
export class IssuerUnusable extends Error {}

/** `unavailable`: nobody knows now, a repeat may help. `unusable`: asked, and of no use. */
export type IssuerAnswer = { certificate: Certificate } | { problem: 'unavailable' | 'unusable'; reason: string };

export interface Issuers {
  /** The certificate behind `url`, if `child` names it as its issuer; what it is worth is for the caller to check. Never rejects. */
  find(url: string, child: Certificate): Promise<IssuerAnswer>;
  /** Tells that the certificate behind `url` took part in a chain that reached an anchor, and so may be kept for long. */
  confirm(url: string, certificate: Certificate): void;
}

/** Microsoft's intermediates live for years; a day bounds how long one that was withdrawn at its URL is still used. */
const CONFIRMED_MS = 24 * 3_600_000;
/** Anybody can make Starling ask for a URL of Microsoft's: one question per URL in this time, whatever the answer. */
const UNCONFIRMED_MS = 5 * 60_000;
/** Short, since honest nodes wait for it: a lost packet must not keep a cluster from growing for five minutes. */
const UNAVAILABLE_MS = 30_000;
/** Azure has about a dozen intermediates in use; forged documents can fill only the unconfirmed part. */
const MAX_ENTRIES = 64;
/** An honest burst of joins asks for one or two URLs; forged documents must not open sockets without end. */
const MAX_FETCHES_AT_ONCE = 8;

interface Entry {
  answer: IssuerAnswer;
  goodUntil: number;
}

/**
 * Remembers fetched issuers. What is fetched comes over plain HTTP and is trusted only when a chain proves it, so an
 * unproven answer is kept apart and briefly: neither a forged document nor a lying network can displace a proven one.
 */
export function createIssuers(fetchIssuer: FetchIssuer, now: () => number): Issuers {
  const confirmed = new Map<string, Entry>();
  const unconfirmed = new Map<string, Entry>();
  const fetching = new Map<string, Promise<IssuerAnswer>>();

  const current = (entries: Map<string, Entry>, url: string): IssuerAnswer | undefined => {
    const entry = entries.get(url);
    return entry && now() < entry.goodUntil ? entry.answer : undefined;
  };
  const fetchOnce = async (url: string): Promise<IssuerAnswer> => {
    const answer = await ask(fetchIssuer, url);
    const keepMs = 'problem' in answer && answer.problem === 'unavailable' ? UNAVAILABLE_MS : UNCONFIRMED_MS;
    keep(unconfirmed, url, { answer, goodUntil: now() + keepMs });
    return answer;
  };
  const fetchShared = (url: string): Promise<IssuerAnswer> => {
    const running = fetching.get(url);
    if (running) return running;
    if (fetching.size >= MAX_FETCHES_AT_ONCE) return Promise.resolve(tooMany);
    const started = fetchOnce(url).finally(() => fetching.delete(url));
    fetching.set(url, started);
    return started;
  };
  return {
    async find(url, child) {
      // A confirmed issuer that is not this child's may have been replaced at its URL since: then it is asked for again.
      const known = current(confirmed, url);
      if (known && 'certificate' in known && isNamedBy(known.certificate, child)) return known;
      const answer = current(unconfirmed, url) ?? (await fetchShared(url));
      if ('problem' in answer || isNamedBy(answer.certificate, child)) return answer;
      return { problem: 'unusable', reason: `${url} holds the certificate of somebody else` };
    },
    confirm(url, certificate) {
      if (current(confirmed, url)) return;
      keep(confirmed, url, { answer: { certificate }, goodUntil: now() + CONFIRMED_MS });
    },
  };
}

const tooMany: IssuerAnswer = { problem: 'unavailable', reason: 'too many issuers are being fetched' };

const isNamedBy = (issuer: Certificate, child: Certificate): boolean => child.x509.checkIssued(issuer.x509);

/** The oldest entry goes first: a Map keeps the order of insertion. */
function keep(entries: Map<string, Entry>, url: string, entry: Entry): void {
  entries.delete(url);
  entries.set(url, entry);
  const [oldest] = entries.keys();
  if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
}

async function ask(fetchIssuer: FetchIssuer, text: string): Promise<IssuerAnswer> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url) return { problem: 'unusable', reason: 'a certificate names an issuer at what is no URL' };
  let bytes: Uint8Array;
  try {
    bytes = await fetchIssuer(url);
  } catch (error) {
    const problem = error instanceof IssuerUnusable ? 'unusable' : 'unavailable';
    return { problem, reason: `${url.href}: ${error instanceof Error ? error.message : String(error)}` };
  }
  try {
    return { certificate: readCertificate(Buffer.from(bytes)) };
  } catch {
    return { problem: 'unusable', reason: `${url.href} holds no certificate` };
  }
}
