import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { checkServerIdentity, connect, createServer } from 'node:tls';
import { createLocalPki, LocalPki, ServerCertificate } from '../../local/azure/pki';
import { virtualClock } from '../../local/clock';
import { memoryStore } from '../../local/store';
import { readDocument } from '../../shared/attestation/document';
import { readSignedData } from '../../shared/attestation/signed-data';
import { CLAIMS, localPki, NOW, requestFor, verifierFor } from '../support/attestation-fixtures';

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');

describe('the local certificate authority', () => {
  let pki: LocalPki;
  beforeAll(() => {
    pki = localPki();
  });

  it('writes documents in the form measured on those of Azure', () => {
    const data = readSignedData(bytesOf(pki.signDocument(requestFor())));
    expect(data.certificates).toHaveLength(1);
    expect(data.signers).toHaveLength(1);
    expect(data.signers[0]).toMatchObject({
      digestOid: '1.2.840.113549.1.1.11', // sha256WithRSAEncryption, where a digest belongs
      signatureOid: '1.2.840.113549.1.1.1',
      signedAttributes: null,
    });
    expect(data.content.toString()).toBe(
      `{"licenseType":"","nonce":"${requestFor().nonce}","plan":{"name":"","product":"","publisher":""},"sku":"",` +
        '"subscriptionId":"11111111-2222-4333-8444-555555555555","timeStamp":{"createdOn":"11/22/26 12:00:00 -0000",' +
        '"expiresOn":"11/22/26 18:00:00 -0000"},"vmId":"0a1b2c3d-4e5f-4a6b-8c7d-9e8f7a6b5c4d"}',
    );
  });

  it('puts the time of expiry into the nonce when none was asked for, as Azure does', () => {
    const data = readSignedData(bytesOf(pki.signDocument({ ...requestFor(), nonce: undefined })));
    expect(readDocument(data.content)?.nonce).toBe('20261122-180000');
  });

  it('dates documents by its clock', async () => {
    const clock = virtualClock(NOW);
    const running = createLocalPki(memoryStore(), clock);
    await clock.advance(90_000);
    const { createdOn: _, ...request } = requestFor();
    const data = readSignedData(bytesOf(running.signDocument(request)));
    expect(readDocument(data.content)).toMatchObject({ createdMs: NOW + 90_000 });
  });

  it('signs with a leaf whose issuer is not in the document but named by it', () => {
    const [leaf] = readSignedData(bytesOf(pki.signDocument(requestFor()))).certificates.map(
      (der) => new X509Certificate(der),
    );
    const issuer = new X509Certificate(pki.issuerDer);
    const root = new X509Certificate(pki.rootPem);
    expect(leaf!.subjectAltName).toBe('DNS:westeurope.metadata.azure.com, DNS:metadata.azure.com');
    expect(leaf!.infoAccess).toBe(
      'CA Issuers - URI:http://www.microsoft.com/pkiops/certs/Starling%20Local%20TLS%20CA%2002.crt',
    );
    expect(new URL(leaf!.infoAccess!.split('URI:')[1]!).pathname).toBe(pki.issuerPath);
    expect([leaf!.ca, issuer.ca, root.ca]).toEqual([false, true, true]);
    expect(leaf!.checkIssued(issuer) && leaf!.verify(issuer.publicKey)).toBe(true);
    expect(issuer.checkIssued(root) && issuer.verify(root.publicKey)).toBe(true);
    for (const certificate of [leaf!, issuer, root]) {
      expect([certificate.validFrom, certificate.validTo]).toEqual([
        'Jan  1 00:00:00 2020 GMT',
        'Dec 31 23:59:59 2049 GMT',
      ]);
    }
  });

  it('keeps its keys in the store', async () => {
    const store = memoryStore();
    const first = createLocalPki(store, virtualClock(NOW));
    const attestation = first.signDocument(requestFor());
    const again = createLocalPki(store, virtualClock(NOW));
    expect(again.rootPem).toBe(first.rootPem);
    expect(again.signDocument(requestFor())).toBe(attestation);
    expect(again.issueServerCertificate({ names: ['a.test'] })).toEqual(
      again.issueServerCertificate({ names: ['a.test'] }),
    );
    expect(await verifierFor(again).verify({ claims: CLAIMS, attestation })).toMatchObject({ ok: true });
  });

  it('issues server certificates that a TLS client accepts for their names and addresses only', async () => {
    const server = pki.issueServerCertificate({ names: ['management.local', '*.vault.local'], ips: ['127.0.0.1'] });
    expect(await handshake(server, 'management.local')).toBe('accepted');
    expect(await handshake(server, 'demo.vault.local')).toBe('accepted');
    expect(await handshake(server, '127.0.0.1')).toBe('accepted');
    expect(await handshake(server, 'elsewhere.local')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    const stranger = localPki().issueServerCertificate({ names: ['management.local'] });
    expect(await handshake({ ...server, caPem: stranger.caPem }, 'management.local')).not.toBe('accepted');
  });

  it('signs 500 documents in a few seconds', () => {
    const start = performance.now();
    const documents = new Set(
      Array.from({ length: 500 }, (_, n) => pki.signDocument({ ...requestFor(), nonce: `${n}` })),
    );
    expect(documents.size).toBe(500);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('makes chains that the openssl command accepts, where there is one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'starling-pki-'));
    try {
      const { certPem } = pki.issueServerCertificate({ names: ['management.local'] });
      const [leaf] = readSignedData(bytesOf(pki.signDocument(requestFor()))).certificates;
      const files = { root: pki.rootPem, issuer: new X509Certificate(pki.issuerDer).toString() };
      const leaves = { server: certPem, leaf: new X509Certificate(leaf!).toString() };
      for (const [name, pem] of Object.entries({ ...files, ...leaves })) writeFileSync(join(folder, name), pem);
      const answer = openssl(
        ['verify', '-x509_strict', '-CAfile', 'root', '-untrusted', 'issuer', 'server', 'leaf'],
        folder,
      );
      expect(answer).toMatch(/^(server: OK\nleaf: OK\n|no openssl)$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function openssl(parameters: string[], cwd: string): string {
  try {
    return execFileSync('openssl', parameters, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'no openssl';
    throw error;
  }
}

/** Connects a client that trusts `caPem` and expects `host`; tells how it ended. */
async function handshake({ certPem, keyPem, caPem }: ServerCertificate, host: string): Promise<string> {
  const server = createServer({ cert: certPem, key: keyPem }, (socket) => socket.end());
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await new Promise((resolve) => {
      const { port } = server.address() as AddressInfo;
      const servername = /^[\d.]+$/.test(host) ? undefined : host;
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername,
        ca: caPem,
        checkServerIdentity: (_, peer) => checkServerIdentity(host, peer),
      });
      socket.on('secureConnect', () => resolve('accepted'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.on('close', () => resolve('closed'));
    });
  } finally {
    server.close();
  }
}
