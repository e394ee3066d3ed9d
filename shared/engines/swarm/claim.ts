import { refuse, type Outcome, type Refusal } from '../../model/errors';
import type { NodeClaim } from '../../ports';
import type { SwarmClient } from './connection';
import { translatedDocker } from './errors';
import { demote } from './membership';
import { addressOf, isManager, isReady, nameOf, nodesNamed, NODE_LABELS } from './nodes';
import { readNodeObject, type NodeObject, type NodeSpec } from './objects';
import { removeNodeObject } from './removal';
import { writeNode, writingAgain } from './writing';

/** Labels and availability in one write, so that no work comes to a node before its labels. */
export function claimNode(client: SwarmClient, claim: NodeClaim): Promise<Outcome<object>> {
  return translatedDocker(`name the node ${claim.nodeName}`, () =>
    writingAgain(async () => {
      const node = await readNodeObject(client, claim.id);
      if (!node) return refuse('CLAIMS_MISMATCH', `the swarm has no node ${claim.id}`);
      const refusal = mismatch(node, claim) ?? (await removeFormer(client, claim));
      if (refusal) return refusal;
      const spec = claimed(node, claim);
      if (JSON.stringify(spec) !== JSON.stringify(node.Spec)) await writeNode(client, node, spec);
      return { ok: true };
    }),
  );
}

function mismatch(node: NodeObject, { id, nodeName, address, isMaster }: NodeClaim): Refusal | undefined {
  const said = (what: string): Refusal => refuse('CLAIMS_MISMATCH', `the node ${id} is ${what}, so not ${nodeName}`);
  if (isManager(node) !== isMaster) return said(isMaster ? 'no manager' : 'a manager');
  const name = nameOf(node);
  if (name) return name === nodeName ? undefined : said(name);
  const seen = addressOf(node);
  return seen && address && seen !== address ? said(`at ${seen}`) : undefined;
}

/** What the machine was before it joined anew. Of a former manager the vote goes first, which takes the swarm some seconds. */
async function removeFormer(client: SwarmClient, { id, nodeName }: NodeClaim): Promise<Refusal | undefined> {
  const former = (await nodesNamed(client, nodeName)).filter((node) => node.ID !== id);
  const ready = former.find(isReady);
  if (ready) return refuse('CLAIMS_MISMATCH', `${nodeName} is ready as the node ${ready.ID}`);
  for (const node of former) {
    if (node.Spec.Role === 'manager') await demote(client, node);
    if (!(await removeNodeObject(client, node.ID)))
      return refuse('CLUSTER_NOT_READY', `the former ${nodeName} is still a manager; report again`);
  }
  return undefined;
}

/** Only a node that gets its name begins to work: at every later boot it stays as cordoned as it was. */
function claimed(node: NodeObject, { nodeName, vmId, bootId, isMaster, labels }: NodeClaim): NodeSpec {
  const own = { [NODE_LABELS.name]: nodeName, [NODE_LABELS.vm]: vmId, [NODE_LABELS.boot]: bootId };
  const spec = { ...node.Spec, Labels: { ...node.Spec.Labels, ...labels, ...own } };
  return nameOf(node) ? spec : { ...spec, Availability: isMaster ? 'drain' : 'active' };
}
