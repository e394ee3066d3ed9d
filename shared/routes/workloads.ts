import * as api from '../api';
import { define, limit, preview, started, verb, whatIf } from './route';

/** A manifest of many objects; etcd takes 1.5 MB for one of them. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** What breaks on purpose in a cluster, and what runs in it. */
export const WORKLOAD_ROUTES = define({
  startChaos: verb('chaos', 'Break agents on purpose and see whether the cluster recovers', api.ChaosRequestSchema),
  listChaos: {
    method: 'GET',
    path: 'clusters/{c}/chaos',
    auth: 'key',
    summary: 'Reports of chaos runs, newest first',
    query: { limit },
    answers: { 200: { description: 'Runs', schema: api.ChaosList } },
  },
  listWorkloads: {
    method: 'GET',
    path: 'clusters/{c}/workloads',
    auth: 'key',
    summary: 'What runs at an operator’s wish',
    answers: { 200: { description: 'Workloads', schema: api.WorkloadList } },
  },
  putWorkload: {
    method: 'PUT',
    path: 'clusters/{c}/workloads/{name}',
    auth: 'key',
    summary: 'Make or change a workload, and wait until it runs',
    query: { whatIf },
    body: api.WorkloadRequestSchema,
    maxBodyBytes: MAX_MANIFEST_BYTES,
    answers: { 200: preview, 202: started },
  },
  scaleWorkload: {
    method: 'POST',
    path: 'clusters/{c}/workloads/{name}/scale',
    auth: 'key',
    summary: 'Change the number of replicas of a workload',
    query: { whatIf },
    body: api.ScaleWorkloadSchema,
    answers: { 200: preview, 202: started },
  },
  deleteWorkload: {
    method: 'DELETE',
    path: 'clusters/{c}/workloads/{name}',
    auth: 'key',
    summary: 'Remove a workload',
    query: { whatIf },
    answers: { 200: preview, 202: started },
  },
});
