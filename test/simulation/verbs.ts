import { waitUntil } from '../support/starling';
import { agentsIn, anyMaster, anyNumber, namesOf, someAgents, type Life } from './life';

/** What an operator asks for. */
export interface Wish {
  request: [method: string, path: string, body?: unknown];
  /** Agents that should serve then; absent: as many as before. */
  agents?: number;
}

const NEXT_VERSION = { k3s: 'v1.36.3+k3s1', swarm: '29.7.3' };
const SIZES = ['Standard_B2s', 'Standard_D2s_v5'];
const CHAOS = ['restart', 'reimage', 'deallocate', 'delete'];

export const VERBS: Record<string, (life: Life) => Promise<Wish>> = {
  scale: async (life) => scale(anyNumber(life), 'delete'),
  'scale, parking': async (life) => scale(anyNumber(life), 'park'),
  'stop of agents': async (life) => {
    if (life.wish === 1) return scale(anyNumber(life), 'delete');
    const nodes = namesOf(await someAgents(life));
    return {
      request: ['POST', '/stop', { nodes, deallocate: life.choices.oneOf([true, false]) }],
      agents: life.wish - nodes.length,
    };
  },
  'start of parked agents': async (life) => {
    const parked = namesOf(await agentsIn(life, 'parked'));
    const nodes = parked.slice(0, life.choices.between(1, 2));
    return nodes.length > 0
      ? { request: ['POST', '/start', { nodes }], agents: life.wish + nodes.length }
      : scale(anyNumber(life), 'delete');
  },
  'stop of everything': async (life) => ({
    request: ['POST', '/stop', { deallocate: life.choices.oneOf([true, false]) }],
  }),
  restart: async (life) => ({ request: ['POST', '/restart', { nodes: namesOf(await someAgents(life)) }] }),
  'restart of a master': async (life) => restartMaster(life),
  'repair of a master': async (life) =>
    life.masters > 1 ? { request: ['POST', '/repair', { node: anyMaster(life) }] } : restartMaster(life),
  upgrade: async (life) => {
    const { version } = (await life.cluster.get()).spec;
    const next = NEXT_VERSION[life.engine];
    return version === next ? restartMaster(life) : { request: ['POST', '/upgrade', { version: next }] };
  },
  reimage: async (life) => {
    const nodes = namesOf(await someAgents(life));
    return { request: ['POST', '/reimage', { order: life.choices.oneOf(['serial', 'parallel']), nodes }] };
  },
  resize: async ({ cluster }) => {
    const { size } = (await cluster.get()).spec.agents;
    return { request: ['POST', '/resize', { size: SIZES.find((other) => other !== size) }] };
  },
  'a changed spec': async (life) => {
    const { spec } = await life.cluster.get();
    const agents = anyNumber(life);
    const ingress = { from: [`203.0.113.${life.choices.between(1, 254)}/32`] };
    return { request: ['PUT', '', { ...spec, agents: { ...spec.agents, count: agents }, ingress }], agents };
  },
  chaos: async (life) => {
    const request = { action: life.choices.oneOf(CHAOS), seed: life.choices.between(0, 1000) };
    // The only one is spared always, the others while they are young.
    await waitUntil('somebody is old enough', async () => life.wish === 1 || (await wouldStrike(life, request)) > 0);
    return { request: ['POST', '/chaos', request] };
  },
  workload: async (life) => ({
    request: ['PUT', '/workloads/site', { kind: 'replicated', replicas: life.choices.between(1, 3) }],
  }),
  rebalance: async () => ({ request: ['POST', '/rebalance', {}] }),
  rotate: async () => ({ request: ['POST', '/tokens/rotate', {}] }),
};

async function wouldStrike({ starling, cluster }: Life, request: object): Promise<number> {
  const { body } = await starling.request<{ would: string[] }>('POST', `${cluster.path}/chaos?whatIf=true`, request);
  return body.would.length - 1; // the first sentence is of all of them
}

const restartMaster = (life: Life): Wish => ({ request: ['POST', '/restart', { nodes: [anyMaster(life)] }] });
const scale = (agents: number, reclaim: string): Wish => ({ request: ['POST', '/scale', { agents, reclaim }], agents });

/** What a stopped cluster is asked for next. Whoever is parked serves then. */
export async function start(life: Life): Promise<Wish> {
  return { request: ['POST', '/start', {}], agents: Math.max(life.wish, (await agentsIn(life, 'parked')).length) };
}
