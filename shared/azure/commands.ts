import { computeGroup, SCALE_SET } from '../model/cluster';
import { AppError, refuse, type Outcome } from '../model/errors';
import type { Begun, CommandProgress, MachineRef } from '../ports';
import { armCall } from './arm-call';
import type { AzureClients } from './clients';
import { describe, readFailure, toAppError, type AzureFailure } from './errors';
import { readPlaces, readProgress, type SdkPoller } from './pollers';

/** What `Begun.poller` holds of a command: never the script. */
interface CommandPoller {
  operation: string;
  /** Where the result is, when the operation itself does not carry it. */
  result?: string;
  giveUpAt: string;
}

/** Azure itself waits ninety minutes for a VM whose agent does not answer; no script of Starling's takes this long. */
const LIMIT_MS = 15 * 60_000;
/** Commands take half a minute, and only one runs on a VM at a time. */
const BUSY_RETRY_MS = 20_000;

/**
 * Run command of the first kind: it leaves no resource behind. Throws AZURE_UNAVAILABLE while another command, or another
 * operation, is under way on the machine; refuses with COMMAND_FAILED when the machine is off or not there.
 */
export async function beginCommand(
  clients: AzureClients,
  cluster: string,
  machine: MachineRef,
  script: string[],
): Promise<Outcome<Begun>> {
  try {
    const poller = submit(clients, cluster, machine, script);
    await poller.submitted();
    const { operation, result } = readPlaces(await poller.serialize());
    if (!operation) return refuse('COMMAND_FAILED', 'Azure told no place where the result will be');
    const giveUpAt = new Date(Date.now() + LIMIT_MS).toISOString();
    return { ok: true, poller: JSON.stringify({ operation, result, giveUpAt } satisfies CommandPoller) };
  } catch (error) {
    return notBegun(error);
  }
}

function submit(clients: AzureClients, cluster: string, machine: MachineRef, script: string[]): SdkPoller {
  const input = { commandId: 'RunShellScript', script };
  const { virtualMachines, virtualMachineScaleSetVMs } = clients.compute();
  const group = computeGroup(cluster);
  return machine.role === 'master'
    ? virtualMachines.runCommand(group, machine.instanceId, input)
    : virtualMachineScaleSetVMs.runCommand(group, SCALE_SET, machine.instanceId, input);
}

function notBegun(error: unknown): Outcome<Begun> {
  const failure = readFailure(error);
  if (failure?.status === 404 || (failure?.status === 409 && isOff(failure))) {
    return refuse('COMMAND_FAILED', describe(failure));
  }
  if (failure?.status !== 409) throw toAppError(error);
  throw new AppError('AZURE_UNAVAILABLE', describe(failure), { cause: error, retryAfterMs: BUSY_RETRY_MS });
}

/** "Cannot modify extensions in the VM when the VM is not running." */
const isOff = ({ message }: AzureFailure): boolean => /not running|deallocated|stopped/i.test(message);

/** A failed script is a success to Azure: what it printed and how it ended must be told by the script itself. */
export async function pollCommand(clients: AzureClients, poller: string): Promise<CommandProgress> {
  const { operation, result, giveUpAt } = JSON.parse(poller) as CommandPoller;
  const { state, body } = await readProgress(clients, operation);
  if (state.state === 'failed') return { ...state, code: 'COMMAND_FAILED' };
  if (state.state === 'running') return Date.now() < Date.parse(giveUpAt) ? state : silent;
  const message = messageIn(body) ?? messageIn(result && (await armCall(clients, { method: 'GET', url: result })));
  return message === undefined
    ? { state: 'failed', code: 'COMMAND_FAILED', message: 'Azure told no result' }
    : { state: 'succeeded', ...streamsOf(message) };
}

const silent: CommandProgress = {
  state: 'failed',
  code: 'COMMAND_FAILED',
  message: `The machine did not answer within ${LIMIT_MS / 60_000} minutes`,
};

/** `{"value":[{"code":"ProvisioningState/succeeded","message":"…"}]}`, in an operation below `properties.output`. */
function messageIn(body: unknown): string | undefined {
  const answer = body as { properties?: { output?: Result } } & Result;
  const message = (answer?.properties?.output ?? answer)?.value?.[0]?.message;
  return typeof message === 'string' ? message : undefined;
}

interface Result {
  value?: { message?: unknown }[];
}

/** `Enable succeeded: \n[stdout]\n…\n[stderr]\n…`. What a script prints may look like a heading: the last one counts. */
export function streamsOf(message: string): { stdout: string; stderr: string } {
  const start = message.indexOf('[stdout]\n');
  const end = message.lastIndexOf('\n[stderr]\n');
  if (start < 0 || end < start) return { stdout: message, stderr: '' };
  return {
    stdout: message.slice(start + '[stdout]\n'.length, end),
    stderr: message.slice(end + '\n[stderr]\n'.length),
  };
}
