import { FetchIssuer, IssuerUnusable } from './issuers';

export interface IssuerFetcherOptions {
  /** Node's own by default. */
  fetch?: typeof globalThis.fetch;
  /** In real time, unlike everything else: it bounds a socket. */
  timeoutMs?: number;
}

/** Where Microsoft publishes its intermediates (both named in the certificates of 2026). */
const HOSTS = new Set(['www.microsoft.com', 'caissuers.microsoft.com']);
const FOLDER = '/pkiops/certs/';
/** The certificates there have 1.5 to 2 KB. */
const MAX_BYTES = 16 * 1024;
const TIMEOUT_MS = 10_000;

/**
 * Fetches intermediates from Microsoft's PKI and from nowhere else, whatever a certificate says, so that a forged document
 * cannot make Starling call strangers. The scheme is the document's own, which today is plain HTTP: the bytes are
 * authenticated by the chain that they complete, and one of the two hosts is not known to answer HTTPS. Keeps nothing: the
 * verifier remembers the answers.
 */
export function createIssuerFetcher({ fetch, timeoutMs = TIMEOUT_MS }: IssuerFetcherOptions = {}): FetchIssuer {
  return async (url) => {
    if (!isMicrosoftPki(url)) throw new IssuerUnusable('not a place of Microsoft’s certificates');
    const response = await (fetch ?? globalThis.fetch)(url, {
      redirect: 'manual', // an answer like any other that is not 200
      headers: { accept: 'application/pkix-cert', 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status === 200) return readBounded(response);
    await response.body?.cancel();
    if (isTransient(response.status)) throw new Error(`answered ${response.status}`);
    throw new IssuerUnusable(`answered ${response.status}`);
  };
}

/** Exactly the places in Microsoft's certificates: no port, no user, no query, and nothing that climbs out of the folder. */
function isMicrosoftPki(url: URL): boolean {
  const plain = url.port === '' && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  const scheme = url.protocol === 'http:' || url.protocol === 'https:';
  const file = url.pathname.slice(FOLDER.length);
  return (
    plain && scheme && HOSTS.has(url.hostname) && url.pathname.startsWith(FOLDER) && /^([\w.()-]|%20)+$/.test(file)
  );
}

const isTransient = (status: number): boolean => status === 408 || status === 429 || status >= 500;

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > MAX_BYTES) throw new IssuerUnusable(`answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks);
}
