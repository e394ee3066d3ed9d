import { badRequest, conflict } from '../arm/errors';
import type { Exchange } from '../arm/routes';
import type { SimResponse } from '../http';
import { listAt, textAt } from '../json';
import type { Compute } from './compute';
import type { Machine } from './machines';

const RUN = 'run-command';
const GAVE_UP = 'run-command-timeout';
const OUTPUT_BYTES = 4_096; // of each stream the last 4 KB come back: all that the extension puts into its status
const CEILING_MS = 90 * 60_000; // Azure gives up on a silent agent after ninety minutes

interface Job {
  id: string;
  operation: string;
  script: string[];
}

/** Run command, version 1: one at a time, slow, and silent for an hour and a half when the guest is dead. */
export function runCommand({ core, machines }: Compute, machine: Machine, exchange: Exchange): SimResponse {
  if (textAt(exchange.body, 'commandId') !== 'RunShellScript') {
    throw badRequest('InvalidParameter', "The value of parameter 'commandId' is not supported for Linux.", 'commandId');
  }
  if (machine.step) {
    throw conflict('Conflict', `The request failed due to conflict with a concurrent request on '${machine.name}'.`);
  }
  if (machine.power !== 'running') {
    throw conflict('OperationNotAllowed', 'Cannot modify extensions in the VM when the VM is not running.');
  }
  if (machine.runCommand && core.operations.get(machine.runCommand)?.status === 'InProgress') {
    throw conflict(
      'Conflict',
      'Run command extension execution is in progress. Please wait for completion before invoking a run command.',
    );
  }
  const type = machine.scaleSet ? 'virtualMachineScaleSets/virtualMachines' : 'virtualMachines';
  const operation = core.operations.begin({
    resourceId: machine.id,
    location: machine.location,
    event: {
      kind: 'Action',
      subject: machine.id,
      operationName: `Microsoft.Compute/${type}/runCommand/action`,
      method: 'POST',
    },
  });
  machines.put({ ...machine, runCommand: operation.id });
  const job: Job = { id: machine.id, operation: operation.id, script: listAt(exchange.body, 'script').map(String) };
  const tookMs = core.chance.within(core.latencies.runCommand, operation.id);
  core.scheduler.schedule(RUN, operation.id, core.clock.now() + tookMs, job);
  return { status: 202, headers: core.operations.headers(operation) };
}

export function registerRunCommand({ core, machines }: Compute): void {
  core.scheduler.on<Job>(RUN, async ({ id, operation, script }) => {
    const vmId = machines.get(id)?.vmId;
    if (!vmId) return core.operations.finish(operation, { code: 'VMNotFound', message: 'The VM was deleted.' });
    try {
      core.operations.finish(operation, undefined, shownOutput(await core.driver.runCommand(vmId, script)));
    } catch {
      // a guest that cannot answer tells nobody so
      core.scheduler.schedule(GAVE_UP, operation, core.clock.now() + CEILING_MS, { operation });
    }
  });
  core.scheduler.on<{ operation: string }>(GAVE_UP, ({ operation }) =>
    core.operations.finish(operation, {
      code: 'VMExtensionProvisioningTimeout',
      message:
        'Provisioning of VM extension RunCommandLinux has timed out. Extension provisioning has taken too long to complete.',
    }),
  );
}

function shownOutput({ stdout, stderr }: { stdout: string; stderr: string }): object {
  const tail = (text: string): string => Buffer.from(text).subarray(-OUTPUT_BYTES).toString();
  const message = `Enable succeeded: \n[stdout]\n${tail(stdout)}\n[stderr]\n${tail(stderr)}`;
  return {
    value: [{ code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded', message }],
  };
}
