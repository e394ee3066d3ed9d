import { sign } from 'node:crypto';
import type { Identity } from './pki-certificate';
import { context, integer, nothing, octets, oid, sequence, set } from './pki-der';

/** What a virtual machine's attested document says. */
export interface AttestedContent {
  vmId: string;
  subscriptionId: string;
  /** At most 32 characters. Azure puts the time of expiry here when the caller gave none. */
  nonce?: string;
  /** Milliseconds since the epoch. */
  createdOn: number;
  expiresOn: number;
  sku?: string;
  licenseType?: string;
  plan?: { name: string; product: string; publisher: string };
}

/** The JSON that is signed, with Azure's order of fields and form of time. */
export function documentJson(content: AttestedContent): Buffer {
  const { createdOn, expiresOn } = content;
  const document = {
    licenseType: content.licenseType ?? '',
    nonce: content.nonce ?? stampOf(expiresOn),
    plan: content.plan ?? { name: '', product: '', publisher: '' },
    sku: content.sku ?? '',
    subscriptionId: content.subscriptionId,
    timeStamp: { createdOn: timeOf(createdOn), expiresOn: timeOf(expiresOn) },
    vmId: content.vmId,
  };
  return Buffer.from(JSON.stringify(document), 'utf8');
}

/** `06/25/26 18:56:45 -0000`. */
function timeOf(ms: number): string {
  const [, year, month, day, time] = /^\d\d(\d\d)-(\d\d)-(\d\d)T([\d:]{8})/.exec(new Date(ms).toISOString()) ?? [];
  return `${month}/${day}/${year} ${time} -0000`;
}

/** `20260626-005645`. */
const stampOf = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');

const SIGNED_DATA = oid('1.2.840.113549.1.7.2');
const DATA = oid('1.2.840.113549.1.7.1');
/** A signature algorithm where the digest belongs: Azure's own peculiarity, measured on documents of 2023 to 2026. */
const SHA256_WITH_RSA = sequence(oid('1.2.840.113549.1.1.11'), nothing);
const RSA = sequence(oid('1.2.840.113549.1.1.1'), nothing);

/** PKCS#7 as Azure writes it: the leaf alone, and no signed attributes, so that the signature covers the JSON itself. */
export function signedDocument(json: Buffer, signers: Identity[]): Buffer {
  const signerInfos = signers.map((signer) => {
    const signature = sign('sha256', json, signer.key);
    return sequence(integer(1), signer.id, SHA256_WITH_RSA, RSA, octets(signature));
  });
  const signedData = sequence(
    integer(1),
    set(SHA256_WITH_RSA),
    sequence(DATA, context(0, octets(json))),
    context(0, ...signers.map(({ certificate }) => certificate)),
    set(...signerInfos),
  );
  return sequence(SIGNED_DATA, context(0, signedData));
}
