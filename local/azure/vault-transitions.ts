import { ArmError } from './arm/errors';

/** A secret that is on its way from one state to another, for some seconds. */
export interface Transition {
  /** Where it is going: `deleted` can be recovered, `gone` cannot. */
  to: 'deleted' | 'living' | 'gone';
  until: number;
}

export interface Transient {
  deletedAt?: number;
  transition?: Transition;
}

/** Where a secret stands now: in one of two states, or between them. */
export type Standing = 'living' | 'deleted' | 'being deleted' | 'being recovered' | 'being purged' | 'gone';

const MOVING: Record<Transition['to'], Standing> = {
  deleted: 'being deleted',
  living: 'being recovered',
  gone: 'being purged',
};

export function standingOf(secret: Transient | undefined, now: number): Standing {
  if (!secret) return 'gone';
  const { transition, deletedAt } = secret;
  if (transition && now < transition.until) return MOVING[transition.to];
  if (transition?.to === 'gone') return 'gone';
  return deletedAt === undefined ? 'living' : 'deleted';
}

const INNER: Partial<Record<Standing, string>> = {
  deleted: 'ObjectIsDeletedButRecoverable',
  'being deleted': 'ObjectIsBeingDeleted',
  'being recovered': 'ObjectIsBeingRecovered',
  'being purged': 'ObjectIsBeingDeleted', // to a writer the vault tells no difference
};

/** What a request gets that does not fit the secret's state. */
export function standsInTheWay(name: string, standing: Standing): ArmError {
  const message =
    standing === 'deleted'
      ? `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`
      : `Secret ${name} is currently ${standing === 'being purged' ? 'being deleted' : standing} and cannot be re-created; retry later.`;
  return new ArmError(409, 'Conflict', message, { inner: INNER[standing] });
}

export const isMoving = (standing: Standing): boolean => standing.startsWith('being ');
