import fc from 'fast-check';
import type { LocalPki } from '../../local/azure/pki';
import { DerError, readChildren, readDer, TAG } from '../../shared/attestation/der';
import { readSignedData } from '../../shared/attestation/signed-data';
import type { AttestationInput } from '../../shared/attestation/verifier';
import type { Verdict } from '../../shared/attestation/verdict';
import { CLAIMS, localPki, requestFor, SUBSCRIPTION, verifierFor, VM_ID } from '../support/attestation-fixtures';

/** Large enough to hit each byte of a document several times over all runs; fast-check prints seed and path of a failure. */
const RUNS = { numRuns: 600 };

describe('the attestation verifier, whatever it is given', () => {
  let pki: LocalPki;
  let document: Buffer;
  let verify: (input: AttestationInput) => Promise<Verdict>;
  beforeAll(() => {
    pki = localPki();
    document = Buffer.from(pki.signDocument(requestFor()), 'base64');
    verify = verifierFor(pki).verify;
  });

  /** Never a rejection, and never a word that Azure did not say. */
  const refusesOrTellsTheTruth = async (input: AttestationInput): Promise<Verdict> => {
    const verdict = await verify(input);
    if (verdict.ok) expect(verdict).toMatchObject({ vmId: VM_ID, subscriptionId: SUBSCRIPTION });
    else expect(verdict.code).toMatch(/^ATTESTATION_[A-Z_]+$/);
    return verdict;
  };
  const verdictOn = (bytes: Uint8Array, claims = CLAIMS): Promise<Verdict> =>
    refusesOrTellsTheTruth({ claims, attestation: Buffer.from(bytes).toString('base64') });

  it('refuses random text', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.base64String(),
      fc.string({ minLength: 16_000, maxLength: 17_000 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), text, async (claims, attestation) => {
        expect((await refusesOrTellsTheTruth({ claims, attestation })).ok).toBe(false);
      }),
      RUNS,
    );
  });

  it('refuses random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (bytes) => {
        expect((await verdictOn(bytes)).ok).toBe(false);
      }),
      RUNS,
    );
  });

  it('refuses a document with any byte changed', async () => {
    for (let at = 0; at < document.length; at++) {
      for (const by of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(document);
        changed[at]! ^= by;
        expect({ at, by, ok: (await verdictOn(changed)).ok }).toEqual({ at, by, ok: false });
      }
    }
  });

  it('understands the same, if anything, of a document with some bytes changed', async () => {
    const change = fc.record({ at: fc.nat(document.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Buffer.from(document);
        for (const { at, by } of changes) changed[at]! ^= by;
        const verdict = await verdictOn(changed);
        // No signature covers the name of the algorithm, which can be written in two ways.
        if (verdict.ok) expect(readSignedData(changed).content).toEqual(readSignedData(document).content);
      }),
      RUNS,
    );
  });

  it('refuses a document with any bit of its content or its signature changed', async () => {
    const { content, signers } = readSignedData(document);
    const signed = [content, signers[0]!.signature].flatMap((part) => {
      const start = part.byteOffset - document.byteOffset;
      return Array.from({ length: part.length }, (_, n) => start + n);
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...signed), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(document);
        changed[at]! ^= 1 << bit;
        expect((await verdictOn(changed)).ok).toBe(false);
      }),
      RUNS,
    );
  });

  it('refuses a document that was cut, or has something before, after or inside', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(document.length - 1), fc.uint8Array({ maxLength: 40 }), async (at, extra) => {
        expect((await verdictOn(document.subarray(0, at))).ok).toBe(false);
        fc.pre(extra.length > 0);
        const inserted = Buffer.concat([document.subarray(0, at), extra, document.subarray(at)]);
        expect((await verdictOn(inserted)).ok).toBe(false);
        expect((await verdictOn(Buffer.concat([document, extra]))).ok).toBe(false);
      }),
      RUNS,
    );
  });

  it('refuses a document with parts of another honest document spliced in', async () => {
    const other = Buffer.from(pki.signDocument({ ...requestFor('other claims'), vmId: SUBSCRIPTION }), 'base64');
    expect(other).toHaveLength(document.length);
    const range = fc.tuple(fc.nat(document.length), fc.nat(document.length));
    await fc.assert(
      fc.asyncProperty(range, async ([a, b]) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const spliced = Buffer.concat([document.subarray(0, from), other.subarray(from, to), document.subarray(to)]);
        const verdict = await verdictOn(spliced);
        expect(verdict.ok).toBe(spliced.equals(document));
      }),
      RUNS,
    );
  });

  it('refuses other claims than the document was made for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (claims) => {
        fc.pre(claims !== CLAIMS);
        expect((await verdictOn(document, claims)).ok).toBe(false);
        expect((await verdictOn(document, CLAIMS + claims)).ok).toBe(claims === '');
      }),
      RUNS,
    );
  });

  it('takes an honest document for any claims that are Unicode', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (claims) => {
        const verdict = await verify({ claims, attestation: pki.signDocument(requestFor(claims)) });
        expect(verdict).toMatchObject({ ok: true, vmId: VM_ID });
      }),
      { numRuns: 100 },
    );
  });
});

describe('the reader of DER', () => {
  it('reads all of its input or throws a DerError', () => {
    const reread = (bytes: Buffer): Buffer => {
      const sequence = readDer(bytes, TAG.sequence);
      return Buffer.concat([
        bytes.subarray(0, bytes.length - sequence.content.length),
        ...readChildren(sequence).map(({ raw }) => raw),
      ]);
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
        const bytes = Buffer.from([TAG.sequence, tail.length, ...tail]);
        try {
          expect(reread(bytes)).toEqual(bytes);
        } catch (error) {
          if (!(error instanceof DerError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
