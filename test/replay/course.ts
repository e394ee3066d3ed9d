import type { ClusterView } from '../../orchestrations/contracts';
import type { Course } from '../support/scripted-hub';

/** What scripts of orchestrations answer when nothing is amiss, and what is looked for in the course that one took. */

export const OPERATION = { cluster: 'demo', operationId: 'demo.test.1' };

/** A cluster of one master that should have three agents. */
export const view = (ready: number, total = ready, more: Partial<ClusterView> = {}): ClusterView => ({
  agents: { desired: 3, ready, total, failed: 0, provisioned: total },
  masters: { desired: 1, ready: 1 },
  capacity: total,
  scaleSetBusy: false,
  engineReachable: true,
  problems: [],
  ...more,
});
export const going = (): { cancelRequested: boolean } => ({ cancelRequested: false });
export const noted = (): void => undefined;

/** What the operation was ended with, as the last step and once. */
export const endingOf = ({ status, calls }: Course): unknown => {
  expect(status.runtimeStatus).toBe('Completed');
  const endings = calls.filter(({ name }) => name === 'finishOperation');
  expect(endings).toHaveLength(1);
  expect(calls.at(-1)?.name).toBe('finishOperation');
  return endings[0]!.input;
};

/** Calls without the reports, repetitions in a row counted once. */
export const steps = ({ names }: Course): string[] =>
  names.filter((name) => name !== 'reportProgress').filter((name, index, all) => name !== all[index - 1]);
