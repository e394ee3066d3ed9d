import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { findNode, isMaster, NODE_LABELS } from './nodes';
import type { NodeObject, NodeSpec } from './objects';
import { changeNode } from './writing';

/** No new tasks; those that run stay. What is drained already stays so. */
export async function cordon(client: SwarmClient, name: string): Promise<boolean> {
  const unlessDrained = ({ Spec }: NodeObject): NodeSpec =>
    held(Spec, Spec.Availability === 'active' ? 'pause' : Spec.Availability);
  return (await schedule(client, name, unlessDrained)) !== undefined;
}

/** No tasks at all: the managers move them at once. */
export const drain = (client: SwarmClient, name: string): Promise<NodeObject | undefined> =>
  schedule(client, name, ({ Spec }) => held(Spec, 'drain'));

/** Masters are for the swarm alone: they stay drained. */
export async function uncordon(client: SwarmClient, name: string): Promise<boolean> {
  const released = (node: NodeObject): NodeSpec => {
    const { [NODE_LABELS.held]: _, ...labels } = node.Spec.Labels ?? {};
    return { ...node.Spec, Labels: labels, Availability: isMaster(node) ? 'drain' : 'active' };
  };
  return (await schedule(client, name, released)) !== undefined;
}

const held = (spec: NodeSpec, availability: NodeSpec['Availability']): NodeSpec => ({
  ...spec,
  Labels: { ...spec.Labels, [NODE_LABELS.held]: 'true' },
  Availability: availability,
});

/** What is as it should be is not written again. */
function schedule(
  client: SwarmClient,
  name: string,
  wish: (node: NodeObject) => NodeSpec,
): Promise<NodeObject | undefined> {
  const isHeld = ({ Labels }: NodeSpec): boolean => NODE_LABELS.held in (Labels ?? {});
  const change = (node: NodeObject): NodeSpec | undefined => {
    const spec = wish(node);
    return spec.Availability === node.Spec.Availability && isHeld(spec) === isHeld(node.Spec) ? undefined : spec;
  };
  return translatedDocker(`change what may run on ${name}`, () =>
    changeNode(client, () => findNode(client, name), change),
  );
}
