import { createServer, RequestListener, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { createIssuerFetcher } from '../../shared/attestation/issuer-fetcher';
import { IssuerUnusable } from '../../shared/attestation/issuers';

const URL_OF_ISSUER = 'http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt';

describe('the fetcher of issuers', () => {
  let server: Server;
  let answer: RequestListener;
  let asked: string[];

  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  /** Node's own fetch, with Microsoft's hosts at the local server. */
  const fetch: typeof globalThis.fetch = (input, init) => {
    const { pathname } = new URL(String(input));
    return globalThis.fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`, init);
  };
  const fetchIssuer = (url = URL_OF_ISSUER, timeoutMs = 10_000): Promise<Uint8Array> =>
    createIssuerFetcher({ fetch, timeoutMs })(new URL(url));

  it('brings the bytes as they are', async () => {
    answer = (_, response) => response.end(Buffer.from([0x30, 0x82, 0xff, 0x00]));
    expect([...(await fetchIssuer())]).toEqual([0x30, 0x82, 0xff, 0x00]);
    expect(asked).toEqual(['GET /pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt']);
  });

  it('asks both of Microsoft’s hosts, over HTTP and HTTPS', async () => {
    answer = (_, response) => response.end('x');
    await fetchIssuer('http://caissuers.microsoft.com/pkiops/certs/a.crt');
    await fetchIssuer('https://www.microsoft.com/pkiops/certs/a%20-%20xsign.crt');
    await fetchIssuer('http://www.microsoft.com:80/pkiops/certs/a.crt'); // the same as none
    expect(asked).toHaveLength(3);
  });

  it.each([
    'http://example.org/pkiops/certs/a.crt',
    'http://www.microsoft.com.example.org/pkiops/certs/a.crt',
    'http://169.254.169.254/pkiops/certs/a.crt',
    'http://www.microsoft.com:8080/pkiops/certs/a.crt',
    'http://www.microsoft.com@example.org/pkiops/certs/a.crt',
    'http://user@www.microsoft.com/pkiops/certs/a.crt',
    'http://www.microsoft.com/pkiops/certs/a.crt?next=1',
    'http://www.microsoft.com/pkiops/certs/a.crt#part',
    'http://www.microsoft.com/pkiops/certs/../../search',
    'http://www.microsoft.com/pkiops/certs/..%2f..%2fsearch',
    'http://www.microsoft.com/pkiops/certs/deeper/a.crt',
    'http://www.microsoft.com/pkiops/certs/',
    'http://www.microsoft.com/pki/a.crt',
    'ftp://www.microsoft.com/pkiops/certs/a.crt',
    'file:///pkiops/certs/a.crt',
  ])('does not ask %s', async (url) => {
    await expect(fetchIssuer(url)).rejects.toBeInstanceOf(IssuerUnusable);
    expect(asked).toEqual([]);
  });

  it('follows no redirect', async () => {
    answer = (_, response) => response.writeHead(302, { location: '/elsewhere' }).end();
    await expect(fetchIssuer()).rejects.toBeInstanceOf(IssuerUnusable);
    expect(asked).toHaveLength(1);
  });

  it('tells an answer that will stay from one that may change', async () => {
    let status = 404;
    answer = (_, response) => response.writeHead(status).end('no');
    await expect(fetchIssuer()).rejects.toBeInstanceOf(IssuerUnusable);
    for (status of [429, 500, 503]) await expect(fetchIssuer()).rejects.not.toBeInstanceOf(IssuerUnusable);
  });

  it('reads at most 16 KB, even of an answer without end', async () => {
    answer = (_, response) => response.end(Buffer.alloc(16 * 1024));
    expect(await fetchIssuer()).toHaveLength(16 * 1024);
    const closed = new Promise((resolve) => {
      answer = (_, response) => {
        const more = (): boolean => response.write(Buffer.alloc(4096)) && !response.destroyed;
        response.on('drain', more).on('close', resolve);
        while (more());
      };
    });
    await expect(fetchIssuer()).rejects.toBeInstanceOf(IssuerUnusable);
    await closed;
  });

  it('gives up on a host that says nothing, and on one that stops in the middle', async () => {
    answer = () => undefined;
    await expect(fetchIssuer(URL_OF_ISSUER, 50)).rejects.toMatchObject({ name: 'TimeoutError' });
    answer = (_, response) => void response.write('0');
    await expect(fetchIssuer(URL_OF_ISSUER, 50)).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
