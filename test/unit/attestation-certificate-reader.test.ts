import { makeCertificate } from '../../local/azure/pki-certificate';
import { createCertificateReader } from '../../shared/attestation/certificate-reader';
import { rsaKey } from '../support/attestation-fixtures';

const derOf = (commonName: string): Buffer => makeCertificate({ commonName, key: rsaKey(0) }).certificate;

describe('what reads the certificates of signers', () => {
  const [one, other] = [derOf('one'), derOf('other')];

  it('reads the same bytes once, and others for themselves', () => {
    const read = createCertificateReader();
    expect(read(Buffer.from(one))).toBe(read(one));
    expect(read(other).x509.subject).toContain('CN=other');
  });

  it('remembers no more than the last 64', () => {
    const read = createCertificateReader();
    const first = read(one);
    for (let n = 0; n < 63; n++) read(derOf(`forged ${n}`));
    expect(read(one)).toBe(first);
    read(other);
    expect(read(one)).not.toBe(first);
  });

  it('throws for what is no certificate, each time', () => {
    const read = createCertificateReader();
    for (let times = 0; times < 2; times++) expect(() => read(Buffer.from('no certificate'))).toThrow();
  });
});
