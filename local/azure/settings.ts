/** A span of simulated milliseconds; the actual time is drawn from it, seeded. */
export type Span = readonly [minMs: number, maxMs: number];

export interface AzureSettings {
  subscriptionId: string;
  tenantId: string;
  /** `https://host:port`, the address under which long-running operations tell clients to poll. */
  baseUrl: () => string;
  latencies?: Partial<Latencies>;
  /** Approved cores: per region in total, and per VM family. Unset: 100 and 100, the limits of an ordinary new subscription. */
  quotaCores?: number;
  seed?: number;
  /** Pushes a batch of events to a function (its resource id) or a webhook (its URL); resolves to the HTTP status. */
  deliver: (destination: string, body: object[], headers: Record<string, string>) => Promise<number>;
  /** `false` accepts any bearer token. Default `true`: only tokens that `identity` issued. */
  verifyToken?: boolean;
}

/** How long Azure takes for things, in simulated time. */
export interface Latencies {
  resourceGroup: Span;
  network: Span;
  storage: Span;
  eventGrid: Span;
  /** Anything else that is written as a plain resource. */
  resource: Span;
  /** From the request until a single VM is provisioned. */
  vmCreate: Span;
  /** From the request until an instance is provisioned; one in twenty takes up to twice as long. */
  instanceCreate: Span;
  vmDelete: Span;
  power: Span;
  runCommand: Span;
  /** Until Azure admits that it has no room. */
  allocationFailure: Span;
  /** Until a secret is deleted, recovered or purged. */
  secret: Span;
  /** From the end of an operation until its event leaves Event Grid. */
  event: Span;
  /** From a simulated eviction until the VM sees its notice. */
  evictionNotice: Span;
}

export const defaultLatencies: Latencies = {
  resourceGroup: [1_000, 1_000],
  network: [3_000, 8_000],
  storage: [8_000, 12_000],
  eventGrid: [3_000, 8_000],
  resource: [1_000, 3_000],
  vmCreate: [30_000, 45_000],
  instanceCreate: [25_000, 60_000],
  vmDelete: [20_000, 40_000],
  power: [10_000, 30_000],
  runCommand: [20_000, 30_000],
  allocationFailure: [10_000, 25_000],
  secret: [1_000, 3_500],
  event: [500, 4_000],
  evictionNotice: [1_000, 20_000],
};
