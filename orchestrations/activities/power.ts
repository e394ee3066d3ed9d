/** What `contracts-power.ts` names. */
export { evictAgents, lookAtRenewed, noteNodes, releaseAgents, renewMachines } from './renewal';
export {
  parkStopped,
  restartMaster,
  selectNodes,
  setAutoscale,
  startMachines,
  stopMachines,
  wishForServing,
} from './parking';
export { noteAgentSize, resubmitDeployment, setAgentSize } from './sizing';
