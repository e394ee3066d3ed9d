import type { IncomingMessage, ServerResponse } from 'node:http';

/** The real host's limit (`maxRequestBodySize` of its server): 100 MB. */
export const MAX_BODY_BYTES = 104_857_600;

export interface Reply {
  status: number;
  headers?: Record<string, string | string[]>;
  /** An object is sent as JSON; bytes and text as they are. */
  body?: Buffer | string | object;
}

/** An answer that ends the handling of a request early. */
export class Refusal extends Error {
  constructor(readonly reply: Reply) {
    super(`HTTP ${reply.status}`);
  }
}

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  /** Absolute, as the caller wrote it, with the host it named. */
  url: URL;
}

/** @throws Refusal 400 for a request line or Host header that is no URL. */
export function openExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const target = request.url ?? '/';
  const absolute = target.startsWith('/') ? `http://${request.headers.host ?? 'localhost'}${target}` : target;
  if (!URL.canParse(absolute)) throw new Refusal({ status: 400 });
  return { request, response, method: request.method ?? 'GET', url: new URL(absolute) };
}

/** @throws Refusal 413 beyond the limit, without reading on. */
export async function readBody(request: IncomingMessage, limitBytes = MAX_BODY_BYTES): Promise<Buffer> {
  const tooLarge = new Refusal({ status: 413, headers: { connection: 'close' } });
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws Refusal 400 for text that is not JSON. An empty text is `undefined`. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Refusal({ status: 400, body: { Message: `The body is not valid JSON: ${(error as Error).message}` } });
  }
}

export function send(response: ServerResponse, reply: Reply): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { body } = reply;
  const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
  const content = isJson ? JSON.stringify(body) : (body as string | Buffer | undefined);
  const type = isJson
    ? 'application/json; charset=utf-8'
    : typeof body === 'string'
      ? 'text/plain; charset=utf-8'
      : undefined;
  response.writeHead(reply.status, { ...(type && { 'content-type': type }), ...reply.headers });
  response.end(content);
}

/** Path segments, percent-decoded except `%2F`, which stays as the real host leaves it. @throws Refusal 400 */
export function pathSegments(pathname: string): string[] {
  const decode = (segment: string): string => decodeURIComponent(segment.replace(/%2f/gi, '%252F'));
  try {
    return pathname.split('/').filter(Boolean).map(decode);
  } catch {
    throw new Refusal({ status: 400 });
  }
}
