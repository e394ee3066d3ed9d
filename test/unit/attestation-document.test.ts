import { createHash, generateKeyPairSync } from 'node:crypto';
import { Identity, makeCertificate } from '../../local/azure/pki-certificate';
import { context, integer, nothing, octets, oid, sequence, set } from '../../local/azure/pki-der';
import { nonceOf, readTimeStamp } from '../../shared/attestation/document';
import { createAttestationVerifier } from '../../shared/attestation/verifier';
import {
  BuiltChain,
  buildChain,
  buildDocument,
  CLAIMS,
  DocumentChanges,
  jsonFor,
  NOW,
  rsaKey,
  SUBSCRIPTION,
} from '../support/attestation-fixtures';

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const attribute = (id: string, ...values: Buffer[]): Buffer => sequence(oid(id), set(...values));
const contentType = attribute('1.2.840.113549.1.9.3', oid('1.2.840.113549.1.7.1'));
const messageDigest = (bytes: Buffer): Buffer => attribute('1.2.840.113549.1.9.4', octets(sha256(bytes)));

describe('the reader of attested documents', () => {
  let chain: BuiltChain;
  beforeAll(() => {
    chain = buildChain([{}, {}]);
  });

  const codeOf = async (attestation: string): Promise<string> => {
    const verifier = createAttestationVerifier({
      anchorsPem: [chain.anchorPem],
      now: () => NOW,
      fetchIssuer: () => Promise.reject(new Error('nothing is fetched here')),
      trustedSubscriptionId: SUBSCRIPTION,
    });
    const verdict = await verifier.verify({ claims: CLAIMS, attestation });
    return verdict.ok ? 'ok' : verdict.code;
  };
  const codeFor = (changes: DocumentChanges, leaf: Identity = chain.leaf): Promise<string> =>
    codeOf(buildDocument(leaf, changes));

  it('takes the form of Azure', async () => {
    expect(await codeFor({})).toBe('ok');
  });

  it.each([
    ['a plain digest', { digestOid: '2.16.840.1.101.3.4.2.1' }],
    ['SHA-384', { digestOid: '2.16.840.1.101.3.4.2.2', hash: 'sha384' }],
    [
      'SHA-512 with RSA, said twice',
      { digestOid: '1.2.840.113549.1.1.13', signatureOid: '1.2.840.113549.1.1.13', hash: 'sha512' },
    ],
    ['unsigned attributes', { afterSigner: [context(1, sequence())] }],
  ])('takes %s as well', async (_, changes) => {
    expect(await codeFor(changes)).toBe('ok');
  });

  it.each([
    ['SHA-1', { digestOid: '1.3.14.3.2.26', hash: 'sha1' }],
    ['a digest other than the one used', { digestOid: '2.16.840.1.101.3.4.2.2' }],
    ['two algorithms that disagree', { signatureOid: '1.2.840.113549.1.1.12' }],
    ['RSA-PSS', { signatureOid: '1.2.840.113549.1.1.10' }],
    ['a signature over something else', { signed: Buffer.from('something else') }],
  ])('refuses %s', async (_, changes) => {
    expect(await codeFor(changes)).toBe('ATTESTATION_SIGNATURE');
  });

  it('takes signed attributes that vouch for the content', async () => {
    expect(await codeFor({ signedAttributes: [contentType, messageDigest(jsonFor())] })).toBe('ok');
  });

  it.each([
    ['of another content', () => [contentType, messageDigest(Buffer.from('{}'))]],
    ['without a digest', () => [contentType]],
    ['without a content type', () => [messageDigest(jsonFor())]],
    ['with two digests', () => [contentType, messageDigest(jsonFor()), messageDigest(Buffer.from('{}'))]],
    [
      'with a digest of two values',
      () => [contentType, attribute('1.2.840.113549.1.9.4', octets(sha256(jsonFor())), octets(sha256(jsonFor())))],
    ],
    [
      'for another type of content',
      () => [attribute('1.2.840.113549.1.9.3', oid('1.2.840.113549.1.7.2')), messageDigest(jsonFor())],
    ],
  ])('refuses signed attributes %s', async (_, signedAttributes) => {
    expect(await codeFor({ signedAttributes: signedAttributes() })).toBe('ATTESTATION_SIGNATURE');
  });

  it('refuses attributes whose signature covers the content instead of them', async () => {
    const changes = { signedAttributes: [contentType, messageDigest(jsonFor())], signed: jsonFor() };
    expect(await codeFor(changes)).toBe('ATTESTATION_SIGNATURE');
  });

  it('checks the certificate that signed, wherever it stands among others', async () => {
    const other = makeCertificate({ commonName: 'other', key: rsaKey(5), dnsNames: ['example.org'] });
    expect(await codeFor({ certificates: [other.certificate, chain.leaf.certificate] })).toBe('ok');
    expect(await codeFor({ certificates: [chain.leaf.certificate, other.certificate] }, other)).toBe(
      'ATTESTATION_SIGNER_NAME',
    );
  });

  it.each<[string, () => DocumentChanges]>([
    ['no signer', () => ({ signers: () => [] })],
    ['two signers', () => ({ signers: (signer) => [signer, signer] })],
    ['no certificate', () => ({ certificates: [] })],
    [
      'two certificates that both could be the signer’s',
      () => ({ certificates: [chain.leaf.certificate, chain.leaf.certificate] }),
    ],
    ['a signer named by key identifier', () => ({ signerId: context(0, Buffer.alloc(20)) })],
    ['a signer whose certificate is missing', () => ({ signerId: sequence(sequence(), integer(7)) })],
    ['a certificate that is none', () => ({ certificates: [sequence(integer(1))] })],
  ])('refuses %s', async (_, changes) => {
    expect(await codeFor(changes())).toBe('ATTESTATION_SIGNERS');
  });

  it.each<[string, DocumentChanges]>([
    ['another type of content', { contentOid: '1.2.840.113549.1.7.2' }],
    ['parts after the content', { afterContent: [nothing] }],
    ['parts after the signers', { afterSigners: [nothing] }],
    ['parts after the signature', { afterSigner: [nothing] }],
    ['a content that is not JSON', { json: Buffer.from('{') }],
    ['a content that is not UTF-8', { json: Buffer.concat([jsonFor().subarray(0, -1), Buffer.from([0xff, 0x7d])]) }],
    ['JSON of another kind', { json: Buffer.from('[]') }],
    [
      'JSON without times',
      { json: Buffer.from(JSON.stringify({ ...JSON.parse(jsonFor().toString()), timeStamp: null })) },
    ],
    [
      'a vmId that is no UUID',
      {
        json: Buffer.from(
          jsonFor()
            .toString()
            .replace(/"vmId":"[^"]+"/, '"vmId":"1 or 1=1"'),
        ),
      },
    ],
  ])('refuses %s', async (_, changes) => {
    expect(await codeFor(changes)).toBe('ATTESTATION_MALFORMED');
  });

  it('refuses encodings that are BER but not DER', async () => {
    const bytes = Buffer.from(buildDocument(chain.leaf), 'base64');
    const [tag, , , , ...content] = bytes; // the length has 3 bytes: 82 xx xx
    const indefinite = Buffer.from([tag!, 0x80, ...content, 0, 0]);
    const padded = Buffer.concat([Buffer.from([tag!, 0x83, 0]), bytes.subarray(2)]);
    for (const changed of [indefinite, padded, Buffer.concat([bytes, Buffer.from([0])]), bytes.subarray(0, -1)]) {
      expect(await codeOf(changed.toString('base64'))).toBe('ATTESTATION_MALFORMED');
    }
  });

  it('says that a time which it cannot read is over', async () => {
    for (const time of ['2026-11-22T12:00:00Z', '13/22/26 12:00:00 -0000', '02/30/26 12:00:00 -0000', '']) {
      const json = Buffer.from(
        jsonFor()
          .toString()
          .replace(/"createdOn":"[^"]+"/, `"createdOn":"${time}"`),
      );
      expect(await codeFor({ json })).toBe('ATTESTATION_EXPIRED');
    }
  });

  it('takes the name only from the SAN, and only whole names', async () => {
    const leafNamed = (dnsNames: string[], commonName = 'leaf'): Identity =>
      makeCertificate({ commonName, key: chain.leaf.key, dnsNames }, { name: anchorName(), key: rsaKey(0) });
    const anchorName = (): Buffer => makeCertificate({ commonName: 'Link 0', key: rsaKey(0), authority: {} }).name;
    for (const good of ['metadata.azure.com', 'westeurope.metadata.azure.com', 'Metadata.Azure.com']) {
      expect(await codeFor({}, leafNamed(['example.org', good]))).toBe('ok');
    }
    const bad = [
      'evilmetadata.azure.com',
      'metadata.azure.com.evil.org',
      '.metadata.azure.com',
      'metadata.azure.com\0',
      'azure.com',
      'a metadata.azure.com',
    ];
    for (const name of bad) expect(await codeFor({}, leafNamed([name]))).toBe('ATTESTATION_SIGNER_NAME');
    expect(await codeFor({}, leafNamed([], 'metadata.azure.com'))).toBe('ATTESTATION_SIGNER_NAME');
    expect(await codeFor({}, leafNamed(['example.org, DNS:metadata.azure.com']))).toBe('ATTESTATION_SIGNER_NAME');
  });

  it('refuses keys that are not RSA of the usual size before it uses them', async () => {
    const keys = [
      generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    ];
    for (const key of keys) {
      const leaf = makeCertificate(
        { commonName: 'leaf', key, dnsNames: ['metadata.azure.com'] },
        { ...chain.leaf, key: rsaKey(0) },
      );
      expect(await codeFor({}, leaf)).toBe('ATTESTATION_SIGNATURE');
    }
  });

  it('reads times in the form of IMDS', () => {
    expect(readTimeStamp('06/25/26 18:56:45 -0000')).toBe(Date.parse('2026-06-25T18:56:45Z'));
    expect(readTimeStamp('06/25/26 18:56:45 +0200')).toBe(Date.parse('2026-06-25T16:56:45Z'));
    expect(readTimeStamp('02/29/28 00:00:00 -0000')).toBe(Date.parse('2028-02-29T00:00:00Z'));
    for (const text of [
      '02/29/26 00:00:00 -0000',
      '6/25/26 18:56:45 -0000',
      '06/25/26 18:56:45',
      '06/25/26 25:00:00 -0000',
    ]) {
      expect(readTimeStamp(text)).toBeNaN();
    }
  });

  it('makes the nonce that a node makes in its shell', () => {
    // printf %s '{"cluster":"demo"}' | sha256sum | cut -c1-32
    expect(nonceOf('{"cluster":"demo"}')).toBe('e706ce0fb7a4ea14d70639bea3783fca');
  });
});
