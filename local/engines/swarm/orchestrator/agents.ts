import type { NodeRecord, TaskRecord } from '../records';
import { at, change, enter, isOver, isWanted, type Pass } from './pass';

const ACCEPT_MS = 500; // the assignment reaches the agent
const PULL_MS = 1_500; // images are near: a container is made within seconds
const START_MS = 500;
const STOP_MS = 3_000; // what an ordinary server needs after SIGTERM
const GRACE_MS = 10_000; // Docker's default StopGracePeriod
const NANOSECONDS_PER_MS = 1e6;

/** The part of the node's agent in a task's life. An agent that does not speak changes nothing. */
export function runTask(pass: Pass, task: TaskRecord): void {
  if (task.NodeID === undefined || isOver(task)) return;
  const node = pass.nodes.get(task.NodeID);
  if (!node) return enter(pass, task, { State: 'orphaned', Message: 'node was removed' });
  const run = node.Status.State === 'ready' ? pass.runOf(node) : undefined;
  if (run === undefined) return;
  if (task.run !== undefined && task.run !== run) return lose(pass, task);
  if (!isWanted(task)) return stop(pass, task);
  proceed(pass, task, { node, run });
}

/** Containers end with the daemon, and it starts none of a swarm's by itself. */
function lose(pass: Pass, task: TaskRecord): void {
  if (isWanted(task)) enter(pass, task, { State: 'failed', Message: 'started', Err: 'task: non-zero exit (137)' });
  else enter(pass, task, { State: 'shutdown', Message: 'shutdown' });
}

function stop(pass: Pass, task: TaskRecord): void {
  const grace = task.Spec.ContainerSpec.StopGracePeriod;
  const graceMs = grace === undefined ? GRACE_MS : grace / NANOSECONDS_PER_MS;
  const hasContainer = at(task.Status.State) >= at('starting');
  const endsAt = (task.stoppedAt ?? pass.now) + (hasContainer ? Math.min(graceMs, STOP_MS) : 0);
  if (endsAt <= pass.now) enter(pass, task, { State: 'shutdown', Message: 'shutdown' });
  else pass.wakeAt(endsAt);
}

function proceed(pass: Pass, task: TaskRecord, { node, run }: { node: NodeRecord; run: number }): void {
  const since = Date.parse(task.Status.Timestamp);
  const after = (delayMs: number, act: () => void): void =>
    since + delayMs <= pass.now ? act() : pass.wakeAt(since + delayMs);
  switch (task.Status.State) {
    case 'assigned':
      return after(ACCEPT_MS, () => enter(pass, task, { State: 'preparing', Message: 'preparing', run }));
    case 'preparing':
      return after(PULL_MS, () => pull(pass, task));
    case 'ready':
      if (task.DesiredState === 'running') enter(pass, task, { State: 'starting', Message: 'starting' });
      return;
    case 'starting':
      return after(START_MS, () => begin(pass, task, node));
    case 'running':
      if (!isHealthy(task))
        after(CRASH_MS, () =>
          enter(pass, task, { State: 'failed', Message: 'started', Err: 'task: non-zero exit (1)' }),
        );
  }
}

function begin(pass: Pass, task: TaskRecord, node: NodeRecord): void {
  const ContainerID = `${task.ID}${node.ID}`.padEnd(64, '0');
  change(pass, task, { Status: { ...task.Status, ContainerStatus: { ContainerID, PID: 4_242, ExitCode: 0 } } });
  enter(pass, pass.tasks.get(task.ID) ?? task, { State: 'running', Message: 'started', runningSince: pass.now });
}

/** No image with one of these in its name can be pulled, so that people and tests can see what then happens. */
const MISSING = /(^|\/)missing\/|broken/;

function pull(pass: Pass, task: TaskRecord): void {
  const image = task.Spec.ContainerSpec.Image;
  if (MISSING.test(image))
    enter(pass, task, { State: 'rejected', Message: 'preparing', Err: `No such image: ${tagged(image)}` });
  else enter(pass, task, { State: 'ready', Message: 'prepared' });
}

const tagged = (image: string): string => (/[:@][^/]+$/.test(image) ? image : `${image}:latest`);

const CRASH_MS = 2_000;

/** A container of an image with this in its name ends by itself, soon after it has started. */
const isHealthy = ({ Spec }: TaskRecord): boolean => !/crashing/.test(Spec.ContainerSpec.Image);
