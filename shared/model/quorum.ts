import { refuse, type Refusal } from './errors';

/** A master as far as its vote counts. */
export interface MasterStanding {
  /** `master0` … */
  name: string;
  ready: boolean;
}

/** How many of so many members must agree: 1 → 1, 3 → 2, 5 → 3. */
export const quorumOf = (members: number): number => Math.floor(members / 2) + 1;

const othersReady = (masters: MasterStanding[], name: string): number =>
  masters.filter((master) => master.ready && master.name !== name).length;

/**
 * May a master be taken out for good and made anew? Only when the others that are ready are a quorum of the whole: while
 * the new one is on its way, nothing else can be lost without losing the cluster's memory. `count` is how many there
 * should be; those that are lost altogether need not be listed.
 */
export function mayReplaceMaster(masters: MasterStanding[], count: number, name: string): Refusal | undefined {
  if (count === 1)
    return refuse(
      'QUORUM_AT_RISK',
      `${name} is the only master and holds all that the cluster knows; restart it, or destroy the cluster and deploy it anew`,
    );
  const others = othersReady(masters, name);
  if (others >= quorumOf(count)) return undefined;
  return refuse(
    'QUORUM_AT_RISK',
    `${others} of the ${count - 1} masters beside ${name} are ready, ${quorumOf(count)} are needed; bring another one back first`,
  );
}

/** May a master be upgraded? Only while all others are ready: a version that does not start must cost one vote at most. */
export function mayUpgradeMaster(masters: MasterStanding[], count: number, name: string): Refusal | undefined {
  const others = othersReady(masters, name);
  if (others >= count - 1) return undefined;
  return refuse(
    'QUORUM_AT_RISK',
    `${others} of the ${count - 1} masters beside ${name} are ready, all are needed; repair the others, then upgrade again`,
  );
}
