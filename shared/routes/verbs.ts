import * as api from '../api';
import { define, preview, started, verb, whatIf } from './route';

/** What an operator has done to the machines of a cluster. */
export const VERB_ROUTES = define({
  scaleAgents: {
    method: 'POST',
    path: 'clusters/{c}/scale',
    auth: 'key',
    summary: 'Change the number of agents',
    query: { whatIf },
    body: api.ScaleSchema,
    answers: { 200: preview, 202: started },
  },
  start: verb('start', 'Power on: the whole cluster, or parked agents', api.StartSchema),
  stop: verb('stop', 'Power off: the whole cluster, or some agents, which are drained first', api.StopSchema),
  restart: verb('restart', 'Restart agents one after another, drained first; masters only by name', api.RestartSchema),
  reimage: verb('reimage', 'Give agents empty disks, drained first; they join anew', api.ReimageSchema),
  resize: verb('resize', 'Change the size of all agents, a few at a time', api.ResizeSchema),
  upgrade: verb('upgrade', 'Bring masters, one at a time, then agents to a version of the engine', api.UpgradeSchema),
  repair: verb('repair', 'Make a lost master anew: out of the quorum, deleted, deployed, joined', api.RepairSchema),
  rebalance: verb('rebalance', 'Spread running workloads over all agents', api.EmptySchema),
  rotateTokens: verb('tokens/rotate', 'Make new keys for joining and a new credential for Starling', api.EmptySchema),
});
