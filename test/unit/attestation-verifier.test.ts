import { performance } from 'node:perf_hooks';
import type { Forgery, LocalPki } from '../../local/azure/pki';
import type { AttestationCode, Verdict } from '../../shared/attestation/verdict';
import {
  CLAIMS,
  issuerUrlOf,
  localPki,
  NOW,
  requestFor,
  SUBSCRIPTION,
  verifierFor,
  VM_ID,
} from '../support/attestation-fixtures';

const codeOf = (verdict: Verdict): AttestationCode | 'ok' => (verdict.ok ? 'ok' : verdict.code);

describe('the attestation verifier', () => {
  let pki: LocalPki;
  beforeAll(() => {
    pki = localPki();
  });

  /** The code for a document that says `change` on top of an honest one. */
  const codeFor = async (change: object, claims = CLAIMS): Promise<AttestationCode | 'ok'> =>
    codeOf(await verifierFor(pki).verify({ claims, attestation: pki.signDocument({ ...requestFor(), ...change }) }));

  it('names the VM that an honest document is about', async () => {
    const verdict = await verifierFor(pki).verify({ claims: CLAIMS, attestation: pki.signDocument(requestFor()) });
    expect(verdict).toEqual({ ok: true, vmId: VM_ID, subscriptionId: SUBSCRIPTION, createdAt: new Date(NOW) });
  });

  it('gives ids in lower case, in whichever case Azure wrote them', async () => {
    const request = { ...requestFor(), vmId: VM_ID.toUpperCase(), subscriptionId: SUBSCRIPTION.toUpperCase() };
    const verifier = verifierFor(pki, { trustedSubscriptionId: SUBSCRIPTION.toUpperCase() });
    const verdict = await verifier.verify({ claims: CLAIMS, attestation: pki.signDocument(request) });
    expect(verdict).toMatchObject({ ok: true, vmId: VM_ID, subscriptionId: SUBSCRIPTION });
  });

  it.each<[Forgery, AttestationCode]>([
    ['signature', 'ATTESTATION_SIGNATURE'],
    ['issuer', 'ATTESTATION_UNTRUSTED'],
    ['subscription', 'ATTESTATION_SUBSCRIPTION'],
    ['expired', 'ATTESTATION_EXPIRED'],
    ['san', 'ATTESTATION_SIGNER_NAME'],
    ['two-signers', 'ATTESTATION_SIGNERS'],
  ])('refuses a document forged in its %s with %s', async (kind, code) => {
    const verdict = await verifierFor(pki).verify({ claims: CLAIMS, attestation: pki.forge(kind, requestFor()) });
    expect(codeOf(verdict)).toBe(code);
  });

  it('refuses a document made for other claims', async () => {
    expect(await codeFor({}, `${CLAIMS} `)).toBe('ATTESTATION_NONCE');
    expect(await codeFor({ nonce: undefined })).toBe('ATTESTATION_NONCE');
  });

  it.each([
    ['just made', 0, 'ok'],
    ['5 minutes old', -300_000, 'ok'],
    ['a second older than 5 minutes', -301_000, 'ATTESTATION_EXPIRED'],
    ['2 minutes in the future', 120_000, 'ok'],
    ['further in the future', 121_000, 'ATTESTATION_EXPIRED'],
  ])('answers a document that is %s by its age', async (_, offsetMs, code) => {
    expect(await codeFor({ createdOn: NOW + offsetMs })).toBe(code);
  });

  it('refuses what Azure itself says is over, with the same allowance for clocks', async () => {
    expect(await codeFor({ createdOn: NOW - 200_000, expiresOn: NOW - 120_000 })).toBe('ok');
    expect(await codeFor({ createdOn: NOW - 200_000, expiresOn: NOW - 121_000 })).toBe('ATTESTATION_EXPIRED');
  });

  it('takes time only from its clock', async () => {
    const attestation = pki.signDocument({ ...requestFor(), createdOn: Date.parse('2047-03-01T00:00:00Z') });
    const verifier = verifierFor(pki, { now: () => Date.parse('2047-03-01T00:01:00Z') });
    expect(codeOf(await verifier.verify({ claims: CLAIMS, attestation }))).toBe('ok');
  });

  it('refuses more than 16 KB of base64 without reading it', async () => {
    const verify = (chars: number): Promise<Verdict> =>
      verifierFor(pki).verify({ claims: CLAIMS, attestation: 'A'.repeat(chars) });
    expect(codeOf(await verify(16_384))).toBe('ATTESTATION_MALFORMED');
    expect(codeOf(await verify(16_388))).toBe('ATTESTATION_TOO_LARGE');
  });

  it('refuses claims that are too large, or that share their UTF-8 with other claims', async () => {
    const attestation = pki.signDocument(requestFor('\ud800'));
    expect(codeOf(await verifierFor(pki).verify({ claims: '\ud801', attestation }))).toBe('ATTESTATION_MALFORMED');
    const verdict = await verifierFor(pki).verify({ claims: 'x'.repeat(16_385), attestation });
    expect(codeOf(verdict)).toBe('ATTESTATION_TOO_LARGE');
  });

  it.each([
    ['nothing', ''],
    ['what is not base64', '%%%%'],
    ['base64 with a line end', 'QUJD\nREVG'],
    ['base64url', 'QUJ-REVf'],
    ['base64 of text', 'aGVsbG8gd29ybGQ='],
    ['base64 with bits left over', 'QUJDRB=='],
  ])('refuses %s', async (_, attestation) => {
    expect(codeOf(await verifierFor(pki).verify({ claims: CLAIMS, attestation }))).toBe('ATTESTATION_MALFORMED');
  });

  it('asks nobody anything for a document that is wrong in itself', async () => {
    const verifier = verifierFor(pki);
    for (const kind of ['signature', 'expired', 'san', 'two-signers'] as const) {
      await verifier.verify({ claims: CLAIMS, attestation: pki.forge(kind, requestFor()) });
    }
    await verifier.verify({ claims: 'others', attestation: pki.signDocument(requestFor()) });
    expect(verifier.asked).toEqual([]);
  });

  it('fetches the issuer once for 50 documents at the same time', async () => {
    const verifier = verifierFor(pki);
    const attestation = pki.signDocument(requestFor());
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, () => verifier.verify({ claims: CLAIMS, attestation })),
    );
    expect(verdicts.map(codeOf)).toEqual(Array(50).fill('ok'));
    expect(verifier.asked).toEqual([issuerUrlOf(pki)]);
  });

  it('says that the chain cannot be checked now when the issuer cannot be fetched, and succeeds later', async () => {
    let now = NOW;
    let up = false;
    const fetchIssuer = async (): Promise<Uint8Array> => {
      if (!up) throw new Error('socket hang up');
      return pki.issuerDer;
    };
    const verifier = verifierFor(pki, { fetchIssuer, now: () => now });
    const input = { claims: CLAIMS, attestation: pki.signDocument(requestFor()) };
    expect(codeOf(await verifier.verify(input))).toBe('ATTESTATION_CHAIN_UNAVAILABLE');
    up = true;
    now += 31_000;
    expect(codeOf(await verifier.verify(input))).toBe('ok');
  });

  it('needs less than 5 ms for a document when it knows the issuer', async () => {
    const verifier = verifierFor(pki);
    const attestation = pki.signDocument(requestFor());
    await verifier.verify({ claims: CLAIMS, attestation });
    const timesMs: number[] = [];
    for (let n = 0; n < 100; n++) {
      const start = performance.now();
      await verifier.verify({ claims: CLAIMS, attestation });
      timesMs.push(performance.now() - start);
    }
    const median = timesMs.sort((a, b) => a - b)[50]!;
    expect(median).toBeLessThan(5);
  });
});
