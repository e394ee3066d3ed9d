import { X509Certificate } from 'node:crypto';
import { AZURE_ANCHORS_PEM } from '../../shared/attestation/anchors';

/** As DigiCert and Microsoft publish them. */
const PUBLISHED = [
  {
    name: 'CN=DigiCert Global Root G2',
    sha256: 'CB:3C:CB:B7:60:31:E5:E0:13:8F:8D:D3:9A:23:F9:DE:47:FF:C3:5E:43:C1:14:4C:EA:27:D4:6A:5A:B1:CB:5F',
    expires: '2038-01-15T12:00:00.000Z',
  },
  {
    name: 'CN=Microsoft RSA Root Certificate Authority 2017',
    sha256: 'C7:41:F7:0F:4B:2A:8D:88:BF:2E:71:C1:41:22:EF:53:EF:10:EB:A0:CF:A5:E6:4C:FA:20:F4:18:85:30:73:E0',
    expires: '2042-07-18T23:00:23.000Z',
  },
  {
    name: 'CN=Microsoft TLS RSA Root G2',
    sha256: '6A:17:05:83:DB:58:41:51:E1:C4:54:EE:CA:2A:64:CC:5D:8E:48:4A:5B:D1:15:6E:72:0B:44:58:65:4E:E9:E5',
    expires: '2040-04-10T18:43:51.000Z',
  },
];
const HALF_A_YEAR_MS = 183 * 24 * 3_600_000;

describe('the anchors shipped for Azure', () => {
  const anchors = AZURE_ANCHORS_PEM.map((pem) => new X509Certificate(pem));

  it('are exactly the published roots', () => {
    const shipped = anchors.map((anchor) => ({
      name: anchor.subject.split('\n').at(-1),
      sha256: anchor.fingerprint256,
      expires: new Date(anchor.validTo).toISOString(),
    }));
    expect(shipped).toEqual(PUBLISHED);
  });

  it('are authorities that signed themselves', () => {
    for (const anchor of anchors) {
      expect(anchor.ca).toBe(true);
      expect(anchor.verify(anchor.publicKey)).toBe(true);
    }
  });

  it('outlive the next half year, or it is time to ship their successors', () => {
    for (const anchor of anchors) expect(Date.parse(anchor.validTo)).toBeGreaterThan(Date.now() + HALF_A_YEAR_MS);
  });
});
