import type { KubeObject } from '../kube-object';
import { createPod, isTerminating, saveStatus, type Pass } from './pass';

/** Pods until enough of them have done their work; `parallelism` at a time. */
export function runJob(pass: Pass, job: KubeObject): void {
  const pods = pass.podsOf(job).filter((pod) => !isTerminating(pod));
  const succeeded = pods.filter(({ status }) => status?.phase === 'Succeeded').length;
  const active = pods.length - succeeded;
  const { completions = 1, parallelism = 1 } = (job.spec ?? {}) as { completions?: number; parallelism?: number };
  const room = Math.min(parallelism, completions - succeeded) - active;
  for (let missing = room; missing > 0; missing -= 1) if (createPod(pass, job)) break;
  const conditions = succeeded >= completions ? [{ type: 'Complete', status: 'True' }] : [];
  saveStatus(pass, 'jobs', job, { active, succeeded, conditions });
}
