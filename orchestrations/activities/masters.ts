/** What is done to masters, by activity. */
export { observeMasters, pickOutdated, writeVersion } from './masters-view';
export { beginMasterCommand, pollMasterCommand } from './masters-commands';
export { drainMaster, planMasterRepair, releaseMaster, removeMasterNodes, removeMember } from './masters-removal';
export { confirmMasterGone, deleteMasterVm, pollMaster, submitMaster } from './masters-machines';
export {
  checkCredential,
  listWaitingTokens,
  markCredential,
  restartWaiting,
  revokeWaitingTokens,
  rotateJoinKey,
} from './masters-keys';
