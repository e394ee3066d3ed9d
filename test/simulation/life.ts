import type { Cluster, Node } from '../support/cluster';
import type { Choices } from '../support/seeded-choices';
import type { Starling } from '../support/starling';

/** One cluster on a Starling of its own, and what it should be like. */
export interface Life {
  starling: Starling;
  cluster: Cluster;
  choices: Choices;
  engine: 'k3s' | 'swarm';
  masters: number;
  /** Agents that should serve; parked ones come on top. */
  wish: number;
}

export const LEAST_AGENTS = 1;
export const MOST_AGENTS = 5;

export const anyNumber = ({ choices }: Life): number => choices.between(LEAST_AGENTS, MOST_AGENTS);

export const anyMaster = ({ choices, masters }: Life): string => `master${choices.between(0, masters - 1)}`;

export async function agentsIn({ cluster }: Life, state: string): Promise<Node[]> {
  return (await cluster.agents()).filter((node) => node.state === state);
}

/** A few of the agents that serve, never all. */
export async function someAgents(life: Life): Promise<Node[]> {
  const ready = await agentsIn(life, 'ready');
  const first = life.choices.between(0, ready.length - 1);
  return ready.slice(first, first + Math.max(1, Math.min(2, ready.length - 1)));
}

export const namesOf = (nodes: Node[]): string[] => nodes.map(({ name }) => name);
