import { AppError } from '../../shared/model/errors';
import type { World } from '../../shared/ports';
import { activities, type Contract } from '../contracts';
import * as chaos from './chaos';
import { checkQuota, pollDeployment, prepareCluster, submitDeployment } from './deployment';
import { deleteGroups, findLeftovers, forgetCluster } from './destruction';
import * as masters from './masters';
import { observeCluster } from './observation';
import { finishOperation, reportProgress, setDesiredAgents } from './operations';
import * as power from './power';
import { endReconcile, planRepairs, powerAgents, startMaster } from './reconciliation';
import { confirmGone, deleteAgents, drainPass, startDrain } from './retirement';
import { growTo, pickVictims, pollOperation } from './scaling';
import * as workloads from './workloads';

type Implementations = {
  [Name in keyof typeof activities]: (typeof activities)[Name] extends Contract<infer I, infer O>
    ? (world: World, input: I) => Promise<O>
    : never;
};

/** Which function carries out which contract: the type checker sees that none is missing or of another shape. */
const implementations: Implementations = {
  checkQuota,
  prepareCluster,
  submitDeployment,
  pollDeployment,
  observeCluster,
  reportProgress,
  finishOperation,
  setDesiredAgents,
  growTo,
  pollOperation,
  pickVictims,
  startDrain,
  drainPass,
  deleteAgents,
  confirmGone,
  planRepairs,
  powerAgents,
  startMaster,
  endReconcile,
  deleteGroups,
  findLeftovers,
  forgetCluster,
  ...power,
  ...masters,
  ...chaos,
  ...workloads,
};

/** Durable keeps of what is thrown only the message, and an operation has to tell the code. */
async function withCode(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new Error(`${error.code}: ${error.message}`, { cause: error });
  }
}

/** Hands every activity to `register`, bound to the world that `world()` makes at its first use. */
export function registerActivities(
  world: () => World,
  register: (name: string, handler: (input: never) => Promise<unknown>) => void,
): void {
  for (const [key, { name }] of Object.entries(activities)) {
    const run: (world: World, input: never) => Promise<unknown> = implementations[key as keyof typeof activities];
    register(name, (input) => withCode(() => run(world(), input)));
  }
}
