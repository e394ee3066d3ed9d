/** One HTTP exchange with the simulator: plain values, so that it can be served on sockets or injected as an SDK's `httpClient`. */
export interface SimRequest {
  method: string;
  /** Absolute. */
  url: URL;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}

export interface SimResponse {
  status: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON. Buffers are sent as they are. */
  body?: string | Buffer | object;
  /** The connection is dropped instead of answering. */
  drop?: true;
}

export type Handler = (request: SimRequest) => SimResponse | Promise<SimResponse>;
