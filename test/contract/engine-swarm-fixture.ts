import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { installDetours, type Detour } from '../../local/network-shim';
import { createSwarmEngine } from '../../shared/engines/swarm/engine';
import type { EngineAccess, EnginePort, NodeClaim } from '../../shared/ports';
import { fqdnOf, masterIp, swarmFixture, type SwarmFixture } from './swarm-fixture';

const PORT = 2376;
/** Where the masters' names lead to: the adapter under test keeps them, and checks them. */
const detours: Detour[] = [];
installDetours(detours);

type MakeEngine = (...masters: number[]) => EnginePort;

export interface SwarmEngineFixture extends SwarmFixture {
  /** What that master's script would report. */
  reportOf(index: number): EngineAccess;
  /** The adapter, with the reports of these masters. */
  engineOf: MakeEngine;
  /** That of master0 alone. */
  engine: EnginePort;
  /** The next write is carried out, and the line breaks before its answer. */
  loseNextAnswer(): void;
  /** Writes that were carried out: `POST /swarm/update`. */
  written: string[];
  /** Connections that were made. */
  connections(): number;
  /** Starts a machine, joins it drained and names it; its id. */
  agent(nodeName: string, more?: Partial<NodeClaim>): Promise<string>;
  /** The claims of a machine that is part of the swarm. */
  claimOf(id: string, nodeName: string, more?: Partial<NodeClaim>): NodeClaim;
}

/** The adapter behind the names of Azure, over a line that can be cut. */
export async function swarmEngineFixture(): Promise<SwarmEngineFixture> {
  const fixture = await swarmFixture();
  const line = await cuttableLine(Number((fixture.docker.modem as unknown as { port: number }).port));
  detours.splice(0, detours.length, { host: '.cloudapp.azure.com', port: PORT, toPort: line.port });

  const reportOf = (index: number): EngineAccess => {
    const identity = fixture.swarm.serveTls(`master${index}`, { fqdn: fqdnOf(index) });
    if (!identity) throw new Error(`master${index} does not run`);
    return { endpoint: `https://${fqdnOf(index)}:${PORT}`, caPem: identity.ca, credential: identity.credential };
  };
  const engineOf: MakeEngine = (...masters) => {
    const [first = reportOf(0), ...others] = masters.map(reportOf);
    return createSwarmEngine([first, ...others], () => fixture.clock.now());
  };
  const engine = engineOf(0);
  const claimOf: SwarmEngineFixture['claimOf'] = (id, nodeName, more) => ({
    ...{ id, nodeName, address: '172.31.1.4', vmId: `vm-of-${nodeName}`, bootId: `boot-of-${nodeName}` },
    ...{ isMaster: false, labels: {} },
    ...more,
  });
  let isLosing = false;
  const written: string[] = [];
  const { handle } = fixture.swarm;
  fixture.swarm.handle = (...asked) => {
    const answer = handle(...asked);
    const [, , { method, url }] = asked;
    if (method === 'GET') return answer;
    if (answer.status < 300) written.push(`${method} ${url.pathname}`);
    if (isLosing) {
      isLosing = false;
      line.cut();
    }
    return answer;
  };
  return {
    ...fixture,
    ...{ reportOf, engineOf, engine, claimOf, written },
    loseNextAnswer: () => void (isLosing = true),
    connections: line.connections,
    async agent(nodeName, more) {
      const id = await fixture.worker(`machine-of-${nodeName}`, { availability: 'drain' });
      const claimed = await engine.claimNode(claimOf(id, nodeName, more));
      if (!claimed.ok) throw new Error(claimed.message);
      return id;
    },
    async close() {
      await line.close();
      await fixture.close();
    },
  };
}

export const masterClaim = (fixture: SwarmEngineFixture, id: string, index: number): NodeClaim =>
  fixture.claimOf(id, `master${index}-1a2b`, { isMaster: true, address: masterIp(index) });

async function cuttableLine(toPort: number) {
  const sockets = new Set<Socket>();
  let made = 0;
  const server = createServer((near) => {
    made += 1;
    const far = connect(toPort, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    connections: (): number => made,
    async close(): Promise<void> {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
