import { createPrivateKey, generateKeyPairSync, KeyObject } from 'node:crypto';
import type { Clock } from '../clock';
import type { Store } from '../store';
import { CertificateRequest, Identity, makeCertificate, toPem } from './pki-certificate';
import { AttestedContent, documentJson, signedDocument } from './pki-document';

/** Documents that a verifier must refuse, each for one reason. */
export type Forgery = 'signature' | 'issuer' | 'subscription' | 'expired' | 'san' | 'two-signers';

/** Times may be left out: made now, over in 6 hours, as Azure's are today. */
export type DocumentRequest = Omit<AttestedContent, 'createdOn' | 'expiresOn'> &
  Partial<Pick<AttestedContent, 'createdOn' | 'expiresOn'>>;

export interface ServerCertificate {
  certPem: string;
  keyPem: string;
  /** The local root, for the client. */
  caPem: string;
}

/** The certificate authority behind the local IMDS and the local TLS listeners. Everything is made once and kept in the store. */
export interface LocalPki {
  rootPem: string;
  /** The intermediate, which no document carries: to be served at `issuerPath` of `issuerHost`, over plain HTTP. */
  issuerDer: Buffer;
  issuerHost: string;
  issuerPath: string;
  /** Base64, as in `signature` of IMDS's answer. */
  signDocument(request: DocumentRequest): string;
  forge(kind: Forgery, request: DocumentRequest): string;
  /** The same names and addresses get the same certificate again, also after a restart. */
  issueServerCertificate(request: { names: string[]; ips?: string[] }): ServerCertificate;
}

const COLLECTION = 'pki';
const ISSUER_NAME = 'Starling Local TLS CA 02';
const ISSUER_HOST = 'www.microsoft.com';
const ISSUER_PATH = `/pkiops/certs/${encodeURIComponent(ISSUER_NAME)}.crt`;
const LIFETIME_MS = 6 * 3_600_000;
const LONG_AGO_MS = 3_600_000;
const FOREIGN_SUBSCRIPTION = '0badc0de-0000-4000-8000-000000000000';

/** What a leaf has in common with Azure's: an RSA key, two names, and where its issuer may be fetched. */
const LEAF = {
  isRsa: true,
  commonName: 'metadata.azure.com',
  dnsNames: ['westeurope.metadata.azure.com', 'metadata.azure.com'],
  issuerUrls: [`http://${ISSUER_HOST}${ISSUER_PATH}`],
};

export function createLocalPki(store: Store, clock: Clock): LocalPki {
  const identities = createIdentities(store);
  const root = (): Identity => identities('root', { commonName: 'Starling Local Root G2', authority: {} });
  const issuer = (): Identity =>
    identities('issuer', { commonName: ISSUER_NAME, authority: { pathLength: 0 } }, root());
  const leaf = (): Identity => identities('leaf', LEAF, issuer());
  const forgers: Record<'issuer' | 'san' | 'second', () => Identity> = {
    // The same names throughout, so that only the signature gives it away.
    issuer: () =>
      identities('foreign-leaf', LEAF, identities('foreign-issuer', { commonName: ISSUER_NAME, authority: {} })),
    san: () => identities('other-name', { ...LEAF, dnsNames: ['metadata.azure.com.example.org'] }, issuer()),
    second: () => identities('second-leaf', LEAF, issuer()),
  };
  const signWith = (request: DocumentRequest, ...signers: Identity[]): Buffer => {
    const { createdOn = clock.now(), expiresOn = createdOn + LIFETIME_MS } = request;
    return signedDocument(documentJson({ ...request, createdOn, expiresOn }), signers);
  };
  const forgeries: Record<Forgery, (request: DocumentRequest) => Buffer> = {
    signature: (request) => withLastByteChanged(signWith(request, leaf())),
    issuer: (request) => signWith(request, forgers.issuer()),
    subscription: (request) => signWith({ ...request, subscriptionId: FOREIGN_SUBSCRIPTION }, leaf()),
    expired: (request) => signWith({ ...request, createdOn: (request.createdOn ?? clock.now()) - LONG_AGO_MS }, leaf()),
    san: (request) => signWith(request, forgers.san()),
    'two-signers': (request) => signWith(request, leaf(), forgers.second()),
  };
  return {
    rootPem: toPem(root().certificate),
    issuerDer: issuer().certificate,
    issuerHost: ISSUER_HOST,
    issuerPath: ISSUER_PATH,
    signDocument: (request) => signWith(request, leaf()).toString('base64'),
    forge: (kind, request) => forgeries[kind](request).toString('base64'),
    issueServerCertificate({ names, ips = [] }) {
      const request = { commonName: names[0] ?? ips[0] ?? 'localhost', dnsNames: names, ips };
      const server = identities(`server/${[...names, ...ips].join(',')}`, request, root());
      const keyPem = server.key.export({ type: 'pkcs8', format: 'pem' }).toString();
      return { certPem: toPem(server.certificate), keyPem, caPem: toPem(root().certificate) };
    },
  };
}

type IdentityRequest = Omit<CertificateRequest, 'key'> & {
  /** Only what signs documents needs an RSA key: any other is on an elliptic curve, and made a thousand times faster. */
  isRsa?: boolean;
};

/** What the store keeps; all but the key in base64. */
interface StoredIdentity {
  certificate: string;
  name: string;
  id: string;
  keyPem: string;
}

/** Finds an identity by its id, in memory or the store, or makes it: an RSA key takes some tenths of a second, so only when asked for. */
function createIdentities(store: Store) {
  const loaded = new Map<string, Identity>();
  return (id: string, request: IdentityRequest, issuer?: Identity): Identity => {
    const known = loaded.get(id);
    if (known) return known;
    const stored = store.get<StoredIdentity>(COLLECTION, id);
    const identity = stored ? fromStored(stored) : makeCertificate({ ...request, key: makeKey(request) }, issuer);
    if (!stored) store.put(COLLECTION, id, toStored(identity));
    loaded.set(id, identity);
    return identity;
  };
}

const makeKey = ({ isRsa = false }: IdentityRequest): KeyObject =>
  isRsa
    ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const toStored = ({ certificate, name, id, key }: Identity): StoredIdentity => ({
  certificate: certificate.toString('base64'),
  name: name.toString('base64'),
  id: id.toString('base64'),
  keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
});

const fromStored = ({ certificate, name, id, keyPem }: StoredIdentity): Identity => ({
  certificate: Buffer.from(certificate, 'base64'),
  name: Buffer.from(name, 'base64'),
  id: Buffer.from(id, 'base64'),
  key: createPrivateKey(keyPem),
});

/** The last bytes of a document are its signature. */
function withLastByteChanged(document: Buffer): Buffer {
  const changed = Buffer.from(document);
  changed[changed.length - 1]! ^= 1;
  return changed;
}
