import { request as httpRequest, type ClientRequest } from 'node:http';
import { Transform } from 'node:stream';
import type { AppWorker } from '../contract';
import { MAX_BODY_BYTES, Refusal, type Exchange } from './exchange';
import type { RouteMatch } from './routes';
import { toTriggerMetadata } from './trigger-metadata';

/**
 * Stream mode: the app called `app.setup({ enableHttpStream: true })`, so the SDK runs a server of its own in the child and
 * takes request and response there, matched to the invocation by a header. Both are begun at once; each waits for the other.
 * @throws what the invocation throws, or an Error when the child's server cannot be reached.
 */
export async function proxyToFunction(
  worker: AppWorker,
  exchange: Exchange,
  match: RouteMatch,
  invocationId: string,
): Promise<void> {
  const upstream = openUpstream(worker.httpStreamUrl!, exchange, invocationId);
  const answered = pipeBack(upstream, exchange);
  const invoked = worker.invoke({
    functionName: match.route.functionName,
    invocationId,
    data: { http: {} },
    triggerMetadata: toTriggerMetadata(exchange, match.params),
  });
  invoked.catch(() => upstream.destroy()); // a function that threw never answers its request
  answered.catch(() => undefined); // reported through `invoked` where that fails too
  await invoked;
  await answered;
}

function openUpstream(baseUrl: string, { request, url }: Exchange, invocationId: string): ClientRequest {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new Refusal({ status: 413 });
  const target = new URL(url.pathname + url.search, baseUrl);
  const upstream = httpRequest(target, {
    method: request.method,
    headers: {
      ...request.headers,
      'x-ms-invocation-id': invocationId,
      'x-forwarded-host': request.headers.host,
      'x-forwarded-proto': 'http',
    },
  });
  request.pipe(limitBody(upstream)).pipe(upstream);
  return upstream;
}

/** Chunked bodies tell no length beforehand. */
function limitBody(upstream: ClientRequest): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done): void {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) upstream.destroy(new Error('The request body is larger than 100 MB.'));
      else done(null, chunk);
    },
  });
}

function pipeBack(upstream: ClientRequest, { response }: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    upstream.on('error', reject);
    upstream.on('response', (answer) => {
      const {
        connection: _connection,
        'keep-alive': _keepAlive,
        'transfer-encoding': _encoding,
        ...headers
      } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, headers);
      answer.on('error', reject).pipe(response).on('error', reject);
      answer.on('end', resolve);
    });
    response.on('close', () => response.writableFinished || upstream.destroy());
  });
}
