import type { SecurityRule } from '@azure/arm-network';
import type { ClusterSpec } from '../../shared/model/cluster';
import type { Child } from './arm';
import type { ClusterTemplateInput } from './input';
import { AGENTS_PREFIX, MASTERS_PREFIX } from './names';

type Rule = Child<SecurityRule>;

interface Opening {
  from: string[];
  ports: string[];
  protocol: 'Tcp' | 'Udp' | '*';
  to: string;
}

const NODES = [MASTERS_PREFIX, AGENTS_PREFIX];

/** What nodes say to each other. Everything else between them is shut: pods must not find what only nodes should. */
const BETWEEN_NODES: Record<ClusterSpec['engine'], Record<string, Pick<Opening, 'ports' | 'protocol'>>> = {
  // Flannel's VXLAN; kubelet (metrics, logs); node ports.
  k3s: {
    overlay: { ports: ['8472'], protocol: 'Udp' },
    kubelet: { ports: ['10250'], protocol: 'Tcp' },
    'node-ports': { ports: ['30000-32767'], protocol: '*' },
  },
  // VXLAN; gossip; the routing mesh reaches published ports through the overlay.
  swarm: { overlay: { ports: ['4789'], protocol: 'Udp' }, gossip: { ports: ['7946'], protocol: '*' } },
};

/** What agents ask of masters (`join`), what masters ask of each other (`quorum`), and the API that Starling calls (`api`). */
const MASTER_PORTS: Record<ClusterSpec['engine'], { join: string[]; quorum: string[]; api: string[] }> = {
  k3s: { join: ['6443'], quorum: ['2379-2380'], api: ['6443'] },
  swarm: { join: ['2377'], quorum: ['2377'], api: ['2376'] },
};

export function masterRules({ spec, app }: ClusterTemplateInput): Rule[] {
  const ports = MASTER_PORTS[spec.engine];
  const to = MASTERS_PREFIX;
  return numbered({
    ...(app.outboundAddresses.length > 0 && {
      'starling-api': { from: app.outboundAddresses, ports: ports.api, protocol: 'Tcp', to },
    }),
    ...(spec.ssh &&
      spec.ssh.from.length > 0 && {
        ssh: { from: spec.ssh.from, ports: [String(spec.ssh.port)], protocol: 'Tcp', to },
      }),
    ...(spec.ingress.from.length > 0 && {
      ingress: { from: spec.ingress.from, ports: ['80', '443'], protocol: 'Tcp', to },
    }),
    join: { from: NODES, ports: ports.join, protocol: 'Tcp', to },
    quorum: { from: [MASTERS_PREFIX], ports: ports.quorum, protocol: 'Tcp', to },
    ...betweenNodes(spec.engine, to),
  });
}

/** Nothing from the Internet, whatever the spec says: ingress arrives at the masters. */
export const agentRules = (engine: ClusterSpec['engine']): Rule[] => numbered(betweenNodes(engine, AGENTS_PREFIX));

function betweenNodes(engine: ClusterSpec['engine'], to: string): Record<string, Opening> {
  return Object.fromEntries(
    Object.entries(BETWEEN_NODES[engine]).map(([name, opening]) => [name, { from: NODES, to, ...opening }]),
  );
}

/** Priorities in the order given, then a refusal of all else: Azure's own last rules would let the whole network in. */
function numbered(openings: Record<string, Opening>): Rule[] {
  const rules = Object.entries(openings).map(([name, opening], index) => allow(name, 100 + index * 10, opening));
  return [...rules, DENY_REST];
}

function allow(name: string, priority: number, { from, ports, protocol, to }: Opening): Rule {
  return {
    name: `allow-${name}`,
    properties: {
      direction: 'Inbound',
      access: 'Allow',
      priority,
      protocol,
      sourcePortRange: '*',
      // The plural form refuses "*".
      ...(from.includes('*') ? { sourceAddressPrefix: '*' } : { sourceAddressPrefixes: from }),
      destinationAddressPrefix: to,
      destinationPortRanges: ports,
    },
  };
}

const DENY_REST: Rule = {
  name: 'deny-rest',
  properties: {
    direction: 'Inbound',
    access: 'Deny',
    priority: 4096,
    protocol: '*',
    sourcePortRange: '*',
    sourceAddressPrefix: '*',
    destinationAddressPrefix: '*',
    destinationPortRange: '*',
  },
};
