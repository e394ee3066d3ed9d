import { extension, Identity, makeCertificate } from '../../local/azure/pki-certificate';
import { nothing } from '../../local/azure/pki-der';
import { Certificate, readCertificate } from '../../shared/attestation/certificate';
import { CheckChain, createChainCheck } from '../../shared/attestation/chain';
import { createIssuers, FetchIssuer, IssuerUnusable } from '../../shared/attestation/issuers';
import { BuiltChain, buildChain, certificateHost, ChainLink, NOW, rsaKey } from '../support/attestation-fixtures';

const url = (name: string): string => `http://www.microsoft.com/pkiops/certs/${name}.crt`;
const MINUTE_MS = 60_000;

const checkWith = (chain: BuiltChain, fetchIssuer: FetchIssuer, now = (): number => NOW): CheckChain =>
  createChainCheck({ anchorsPem: [chain.anchorPem], issuers: createIssuers(fetchIssuer, now), now });

const leafOf = ({ leaf }: BuiltChain): Certificate => readCertificate(leaf.certificate);

/** 'trusted', or the code and the reason of the refusal. */
async function outcomeOf(links: ChainLink[]): Promise<string> {
  const chain = buildChain(links);
  const refusal = await checkWith(chain, certificateHost(chain.files).fetchIssuer)(leafOf(chain));
  return refusal ? `${refusal.code}: ${refusal.reason}` : 'trusted';
}

/** Anchor, as many intermediates as said, leaf. */
const linksOf = (intermediates: number, anchor: ChainLink = {}): ChainLink[] => [
  anchor,
  ...Array.from({ length: intermediates }, (_, n) => ({ url: url(`ca-${n}`) })),
  {},
];

describe('the check of a chain', () => {
  it.each([0, 1, 2, 4])('trusts a leaf with %i authorities between it and an anchor', async (intermediates) => {
    expect(await outcomeOf(linksOf(intermediates))).toBe('trusted');
  });

  it('follows at most 4 certificates', async () => {
    expect(await outcomeOf(linksOf(5))).toBe('ATTESTATION_UNTRUSTED: no anchor within 4 certificates');
  });

  it('stops at an anchor although the root is cross-signed by another authority', async () => {
    const chain = buildChain([{}, { url: url('cross-signed') }, { url: url('issuer') }, {}]);
    const crossSigned = readCertificate(chain.files[url('cross-signed')] as Buffer);
    const selfSigned = makeCertificate({ commonName: 'Link 1', key: rsaKey(1), authority: {} });
    expect(crossSigned.issuer.equals(selfSigned.name)).toBe(false);
    const { fetchIssuer, asked } = certificateHost(chain.files);
    const both = [chain.anchorPem, readCertificate(selfSigned.certificate).x509.toString()];
    for (const [anchorsPem, fetches] of [
      [both.slice(0, 1), 2],
      [both.slice(1), 1],
    ] as const) {
      asked.length = 0;
      const check = createChainCheck({ anchorsPem, issuers: createIssuers(fetchIssuer, () => NOW), now: () => NOW });
      expect(await check(leafOf(chain))).toBeNull();
      expect(asked).toHaveLength(fetches);
    }
  });

  const past = { validTo: new Date(NOW - 1000) };
  const future = { validFrom: new Date(NOW + 2000) };
  it.each<[string, ChainLink[]]>([
    ['leaf is over', [{}, { url: url('a') }, past]],
    ['leaf is not yet valid', [{}, { url: url('a') }, future]],
    ['intermediate is over', [{}, { url: url('a'), ...past }, {}]],
    ['anchor is over', [past, { url: url('a') }, {}]],
  ])('refuses a chain whose %s', async (_, links) => {
    expect(await outcomeOf(links)).toMatch(/^ATTESTATION_UNTRUSTED/);
  });

  it('refuses an intermediate that is not an authority', async () => {
    expect(await outcomeOf([{}, { url: url('a'), authority: undefined }, {}])).toMatch(/^ATTESTATION_UNTRUSTED/);
  });

  it('counts the authorities below one against its path length', async () => {
    const links = (pathLength: number, anchorLength?: number): ChainLink[] => [
      { authority: { pathLength: anchorLength } },
      { url: url('a'), authority: { pathLength } },
      { url: url('b'), authority: { pathLength: 0 } },
      {},
    ];
    expect(await outcomeOf(links(1))).toBe('trusted');
    expect(await outcomeOf(links(1, 2))).toBe('trusted');
    expect(await outcomeOf(links(0))).toBe(
      'ATTESTATION_UNTRUSTED: “O=Starling local Azure, CN=Link 1” may not have so many authorities below it',
    );
    expect(await outcomeOf(links(1, 1))).toMatch(/^ATTESTATION_UNTRUSTED/);
  });

  it('refuses certificates with critical extensions that it does not understand', async () => {
    const extensions = [extension('1.3.6.1.4.1.99999.1', nothing, true)];
    const reason = /^ATTESTATION_UNTRUSTED: .* demands extensions that are not understood: 1\.3\.6\.1\.4\.1\.99999\.1$/;
    expect(await outcomeOf([{}, { url: url('a'), extensions }, {}])).toMatch(reason);
    expect(await outcomeOf([{}, { url: url('a') }, { extensions }])).toMatch(reason);
  });

  it('refuses a leaf that names its issuer but was signed with another key', async () => {
    const chain = buildChain([{}, { url: url('a') }, {}]);
    const issuer = readCertificate(chain.files[url('a')] as Buffer);
    expect(issuer.pathLength).toBe(Infinity);
    const impostor: Identity = makeCertificate({ commonName: 'Link 1', key: rsaKey(3), authority: {} });
    const request = { commonName: 'leaf', key: rsaKey(4), issuerUrls: [url('a')] };
    const forged = readCertificate(makeCertificate(request, impostor).certificate);
    const refusal = await checkWith(chain, certificateHost(chain.files).fetchIssuer)(forged);
    expect(refusal?.code).toBe('ATTESTATION_UNTRUSTED');
  });

  it('refuses a root that nobody shipped', async () => {
    const chain = buildChain([{}, {}]);
    const stranger = buildChain([{ commonName: 'Other' }, {}]);
    const refusal = await checkWith(stranger, certificateHost({}).fetchIssuer)(leafOf(chain));
    expect(refusal).toMatchObject({
      code: 'ATTESTATION_UNTRUSTED',
      reason: expect.stringContaining('does not say who did'),
    });
  });

  it('tries the second place of an issuer when the first does not answer', async () => {
    const issuerUrls = [url('down'), url('a')];
    expect(await outcomeOf([{}, { url: url('a') }, { issuerUrls }])).toBe('trusted');
    expect(await outcomeOf([{}, { url: url('a') }, { issuerUrls: [url('down'), url('down-too'), url('a')] }])).toMatch(
      /^ATTESTATION_CHAIN_UNAVAILABLE/, // never more than two
    );
  });

  it('ends on authorities that name each other', async () => {
    const a = makeCertificate({ commonName: 'A', key: rsaKey(0), authority: {} });
    const b = makeCertificate({ commonName: 'B', key: rsaKey(1), authority: {}, issuerUrls: [url('a')] }, a);
    const aByB = makeCertificate({ commonName: 'A', key: rsaKey(0), authority: {}, issuerUrls: [url('b')] }, b);
    const leaf = makeCertificate({ commonName: 'leaf', key: rsaKey(2), issuerUrls: [url('a')] }, a);
    const { fetchIssuer, asked } = certificateHost({ [url('a')]: aByB.certificate, [url('b')]: b.certificate });
    const refusal = await checkWith(
      buildChain([{ commonName: 'Other' }, {}]),
      fetchIssuer,
    )(readCertificate(leaf.certificate));
    expect(refusal?.reason).toBe('no anchor within 4 certificates');
    expect(asked).toHaveLength(2);
  });
});

describe('the memory of fetched issuers', () => {
  /** A chain of one intermediate whose host, clock and answers a test may change. */
  function setting() {
    const chain = buildChain([{}, { url: url('a') }, {}]);
    const world = { now: NOW, asked: 0, answer: async (): Promise<Uint8Array> => chain.files[url('a')]! };
    const check = checkWith(
      chain,
      async () => ((world.asked += 1), world.answer()),
      () => world.now,
    );
    const codeNow = async (): Promise<string> => (await check(leafOf(chain)))?.code ?? 'trusted';
    return { world, check, codeNow, chain };
  }

  it('keeps what proved itself for 24 hours', async () => {
    const { world, codeNow } = setting();
    await codeNow();
    world.now += 24 * 60 * MINUTE_MS - 1;
    expect([await codeNow(), world.asked]).toEqual(['trusted', 1]);
    world.now += 1;
    expect([await codeNow(), world.asked]).toEqual(['trusted', 2]);
  });

  it('keeps a useless answer for 5 minutes', async () => {
    const { world, codeNow, chain } = setting();
    world.answer = async () => Buffer.from('<html>not found</html>');
    expect(await codeNow()).toBe('ATTESTATION_UNTRUSTED');
    world.answer = async () => chain.files[url('a')]!;
    world.now += 5 * MINUTE_MS - 1;
    expect([await codeNow(), world.asked]).toEqual(['ATTESTATION_UNTRUSTED', 1]);
    world.now += 1;
    expect([await codeNow(), world.asked]).toEqual(['trusted', 2]);
  });

  it('keeps a refusal of the host for 5 minutes, but a failure to reach it for 30 seconds', async () => {
    const { world, codeNow } = setting();
    world.answer = async () => Promise.reject(new IssuerUnusable('answered 404'));
    expect(await codeNow()).toBe('ATTESTATION_UNTRUSTED');
    world.answer = async () => Promise.reject(new Error('timeout'));
    world.now += 5 * MINUTE_MS;
    expect(await codeNow()).toBe('ATTESTATION_CHAIN_UNAVAILABLE');
    world.now += 29_999;
    expect([await codeNow(), world.asked]).toEqual(['ATTESTATION_CHAIN_UNAVAILABLE', 2]);
    world.now += 1;
    await codeNow();
    expect(world.asked).toBe(3);
  });

  it('does not let a forged leaf that names an honest URL displace the honest issuer', async () => {
    const { world, check, codeNow } = setting();
    const forger = makeCertificate({ commonName: 'Link 1', key: rsaKey(3), authority: {} });
    const request = { commonName: 'leaf', key: rsaKey(4), issuerUrls: [url('a')] };
    const forged = readCertificate(makeCertificate(request, forger).certificate);
    expect(await check(forged)).toMatchObject({ code: 'ATTESTATION_UNTRUSTED' });
    expect(await codeNow()).toBe('trusted');
    expect(await check(forged)).toMatchObject({ code: 'ATTESTATION_UNTRUSTED' });
    expect(world.asked).toBe(1);
  });

  it('asks again when the issuer was replaced at its URL', async () => {
    const { world, check, codeNow, chain } = setting();
    expect(await codeNow()).toBe('trusted');
    const anchor = { name: readCertificate(chain.files[url('a')] as Buffer).issuer, key: rsaKey(0) };
    const renewed = makeCertificate({ commonName: 'Renewed', key: rsaKey(3), authority: {} }, anchor);
    const leaf = makeCertificate({ commonName: 'leaf', key: rsaKey(4), issuerUrls: [url('a')] }, renewed);
    world.answer = async () => renewed.certificate;
    world.now += 5 * MINUTE_MS;
    expect(await check(readCertificate(leaf.certificate))).toBeNull();
    expect([await codeNow(), world.asked]).toEqual(['trusted', 2]);
  });

  it('fetches at most 8 at once and forgets the oldest beyond 64', async () => {
    const { chain } = setting();
    let open = 0;
    let most = 0;
    const asked: string[] = [];
    const fetchIssuer = async ({ href }: URL): Promise<Uint8Array> => {
      asked.push(href);
      most = Math.max(most, ++open);
      await new Promise(setImmediate);
      open -= 1;
      return chain.files[url('a')]!;
    };
    const issuers = createIssuers(fetchIssuer, () => NOW);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => issuers.find(url(`x${n}`), leafOf(chain))));
    expect([most, answers.filter((answer) => 'problem' in answer).length]).toEqual([8, 12]);
    for (let n = 0; n < 64; n++) await issuers.find(url(`y${n}`), leafOf(chain));
    asked.length = 0;
    await issuers.find(url('y0'), leafOf(chain));
    expect(asked).toEqual([]);
    await issuers.find(url('x0'), leafOf(chain));
    expect(asked).toEqual([url('x0')]);
  });
});
