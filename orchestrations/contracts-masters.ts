import type { Outcome } from '../shared/model/errors';
import type { MasterStanding } from '../shared/model/quorum';
import type { ClusterPhase } from '../shared/model/cluster';
import type { Polled } from './contracts';
import { contract } from './contract';

interface Held {
  cluster: string;
  operationId: string;
}

/** A master as the engine sees it now. */
export interface MasterView extends MasterStanding {
  /** Of its engine node, such as `v1.36.2+k3s1`; empty while the engine does not list it. */
  version: string;
}

/** How the cluster stands, for those who care about masters. */
export interface MastersView {
  /** How many there should be. */
  count: number;
  /** Those that there should be, by number; one that is lost altogether is not ready and has no version. */
  masters: MasterView[];
  engineReachable: boolean;
  /** Masters that are ready and whose report holds a credential of their own; absent where one credential is good for all. */
  keyHolders?: string[];
  /** Agents on record: the more, the longer the pause before the next look. */
  agents: number;
  /** What the cluster's phase would be without an operation. */
  phase: Extract<ClusterPhase, 'ready' | 'degraded'>;
  phaseReason: string;
}

/** What masters can be told to do: by run command, with scripts that are on them already. */
export type MasterCommand =
  { kind: 'snapshot'; name: string } | { kind: 'upgrade'; version: string } | { kind: 'rotate' };

/** A master on its way out: pinned when its repair began, so that a late repeat cannot touch the one that came after it. */
export interface DoomedMaster {
  name: string;
  /** Absent when Azure no longer lists its VM. */
  vmId?: string;
  /** Its nodes in the engine; of a master that never joined there is none. */
  nodes: { name: string; uid: string; ready: boolean }[];
}

type RemovalInput = Held & { doomed: DoomedMaster };

/** What is done to masters, and what masters are asked to do. */
export const masterActivities = {
  observeMasters: contract<{ cluster: string; cause: string }, MastersView>('observeMasters'),
  beginMasterCommand: contract<Held & { name: string; command: MasterCommand }, Outcome<{ poller: string }>>(
    'beginMasterCommand',
  ),
  /** `succeeded` only when the script said at its end that it had done what it was told to. */
  pollMasterCommand: contract<{ poller: string; command: MasterCommand }, Polled>('pollMasterCommand'),
  /** From now on new nodes get this version. */
  writeVersion: contract<Held & { version: string }, void>('writeVersion'),
  /** Agents whose engine has another version; `parked` counts those that cannot be brought to it now. */
  pickOutdated: contract<{ cluster: string; version: string }, { vmIds: string[]; parked: number }>('pickOutdated'),

  /** Refuses with QUORUM_AT_RISK; changes nothing. */
  planMasterRepair: contract<Held & { name: string }, Outcome<{ doomed: DoomedMaster }>>('planMasterRepair'),
  /** One pass: no new work, and work that is there is asked to leave. */
  drainMaster: contract<RemovalInput, { proceed: boolean; remaining: number; blocked: string[] }>('drainMaster'),
  /** It may take work again. */
  releaseMaster: contract<RemovalInput, void>('releaseMaster'),
  /** Out of the engine's quorum; `pending`: ask again. */
  removeMember: contract<RemovalInput, Outcome<{ pending: boolean }>>('removeMember'),
  /** Its engine nodes go, and its row says that it is no longer part of the cluster. */
  removeMasterNodes: contract<RemovalInput, Outcome<object>>('removeMasterNodes'),
  deleteMasterVm: contract<RemovalInput, Outcome<{ pollers: string[] }>>('deleteMasterVm'),
  /** Looks again; the look removes the row of a VM that is gone. */
  confirmMasterGone: contract<RemovalInput, { gone: boolean; agents: number }>('confirmMasterGone'),
  submitMaster: contract<Held & { name: string }, Outcome<object>>('submitMaster'),
  pollMaster: contract<Held & { name: string }, Polled>('pollMaster'),

  /** Public parts of the tokens with which nodes that have not joined yet could. */
  listWaitingTokens: contract<Held, { ids: string[] }>('listWaitingTokens'),
  rotateJoinKey: contract<Held, Outcome<object>>('rotateJoinKey'),
  /** Ends these tokens, and has nodes that wait get other tickets; `vmIds`: those that hold one that no longer counts. */
  revokeWaitingTokens: contract<Held & { ids: string[] }, Outcome<{ vmIds: string[] }>>('revokeWaitingTokens'),
  /** Those that still wait boot again: a node asks for its ticket once a boot. */
  restartWaiting: contract<Held & { vmIds: string[] }, Outcome<{ pollers: string[] }>>('restartWaiting'),
  /** A mark of the credential with which Starling reaches the engine: another one, another mark. */
  markCredential: contract<{ cluster: string }, { mark: string }>('markCredential'),
  /** Whether the credential is another one than that of `before`, and the engine answers to it. */
  checkCredential: contract<{ cluster: string; before: string }, { changed: boolean; answers: boolean }>(
    'checkCredential',
  ),
};
