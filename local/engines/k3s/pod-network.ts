/** What k3s takes without `--cluster-cidr`. */
const DEFAULT_CIDR = '10.42.0.0/16';
const NODE_BITS = 24; // --node-cidr-mask-size

/**
 * The pod network of the next node, out of the cluster's; undefined when all are taken. `created` counts the nodes that a
 * cluster ever had: as long as there are networks that nobody had yet, `taken` is not asked for.
 */
export function nextPodCidr(
  clusterCidr: string | undefined,
  created: number,
  taken: () => ReadonlySet<string>,
): string | undefined {
  const [base = '', length] = (clusterCidr ?? DEFAULT_CIDR).split('/');
  const count = 2 ** (NODE_BITS - Number(length));
  if (created < count) return nth(base, created);
  const used = taken();
  return Array.from({ length: count }, (_, index) => nth(base, index)).find((cidr) => !used.has(cidr));
}

function nth(base: string, index: number): string {
  const [a = 0, b = 0, c = 0] = base.split('.').map(Number);
  const network = a * 65_536 + b * 256 + c + index;
  return `${Math.floor(network / 65_536)}.${Math.floor(network / 256) % 256}.${network % 256}.0/${NODE_BITS}`;
}
