import { rpcError } from './docker-error';
import type { NetworkRecord, SwarmRecord } from './records';

/** The next free subnet of the swarm's pools. */
export function nextSubnet(
  { DefaultAddrPool, SubnetSize }: Pick<SwarmRecord, 'DefaultAddrPool' | 'SubnetSize'>,
  taken: NetworkRecord[],
): { Subnet: string; Gateway: string } {
  const used = new Set(taken.flatMap(({ IPAM }) => IPAM.Config.map(({ Subnet }) => Subnet)));
  const step = 2 ** (32 - SubnetSize);
  for (const pool of DefaultAddrPool) {
    const [base = '', bits = '0'] = pool.split('/');
    const first = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    for (let at = first; at < first + 2 ** (32 - Number(bits)); at += step)
      if (!used.has(`${dotted(at)}/${SubnetSize}`))
        return { Subnet: `${dotted(at)}/${SubnetSize}`, Gateway: dotted(at + 1) };
  }
  throw rpcError('Unknown', 'could not find an available, non-overlapping IPv4 address pool among the defaults');
}

const dotted = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
