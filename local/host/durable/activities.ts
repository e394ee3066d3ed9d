import type { Engine } from './engine';
import { callHttp } from './http-call';
import { payloadProblem } from './limits';
import type { Task, TaskFailure } from './records';
import { poisonMessage, untilPoison } from './until-poison';

const failure = (reason: string, details = reason): string => JSON.stringify({ reason, details } satisfies TaskFailure);

/** Carries out tasks: activities in the worker, HTTP calls from the host itself, timers by the clock. */
export class TaskRunner {
  constructor(private readonly engine: Engine) {}

  /** Sub-orchestrations need no more than the message that starts them. */
  dispatch(task: Task): void {
    if (task.state !== 'open' || task.kind === 'orchestration') return;
    if (task.kind === 'timer') return this.engine.alarms.set(alarmKey(task), task.dueAt, () => this.fire(task));
    if (task.dueAt > this.engine.clock.now())
      return this.engine.alarms.set(alarmKey(task), task.dueAt, () => this.dispatch(task));
    const work = task.kind === 'http' ? this.request(task) : this.invoke(task);
    work.catch((error: unknown) => this.engine.crash(`task ${task.name} of ${task.instanceId}`, error));
  }

  cancel(task: Task): void {
    this.engine.alarms.cancel(alarmKey(task));
  }

  private fire(task: Task): void {
    if (this.engine.store.task(task.uid)) this.engine.taskEnded({ ...task, state: 'succeeded' });
  }

  private async invoke(task: Task): Promise<void> {
    try {
      const outcome = await untilPoison(this.engine, {
        kind: 'activity',
        deaths: task.deaths,
        saveDeaths: (deaths) => this.saveDeaths(task, deaths),
        run: () => this.runActivity(task),
      });
      if (outcome.kind === 'done') await this.succeed(task, outcome.value);
      else if (outcome.kind === 'poison') await this.setAside(task, outcome.deaths, outcome.reason);
    } catch (error) {
      const { message, remote } = error as Error & { remote?: { stack?: string } };
      this.engine.log('error', task.name, `Activity '${task.name}' of ${task.instanceId} failed: ${message}`);
      await this.end(
        task,
        'failed',
        failure(`Activity function '${task.name}' failed: ${message}`, remote?.stack ?? message),
      );
    }
  }

  private async runActivity(task: Task): Promise<string | null> {
    this.engine.counts.activities++;
    const { returnValue } = await this.engine.worker.invoke({
      functionName: task.name,
      data: { json: task.input ?? 'null' },
      triggerMetadata: { instanceId: { json: JSON.stringify(task.instanceId) } },
    });
    return jsonOf(returnValue);
  }

  private async succeed(task: Task, result: string | null): Promise<void> {
    const problem = payloadProblem(`The result of activity '${task.name}'`, result, this.engine.payloadLimitBytes);
    await (problem ? this.end(task, 'failed', failure(problem)) : this.end(task, 'succeeded', result));
  }

  private async end(task: Task, state: 'succeeded' | 'failed', result: string | null): Promise<void> {
    if (this.engine.stopped) return; // the task is still open in the store and will be done again
    const counts = await this.engine.store.commit(() => this.engine.store.endTask(task.uid, state, result));
    if (counts) this.engine.taskEnded({ ...task, state, result });
  }

  private async saveDeaths(task: Task, deaths: number): Promise<void> {
    task.deaths = deaths;
    await this.engine.store.commit(() => this.engine.store.saveDeaths(task));
  }

  /** The retries that are left would kill the worker as well, so they are not made. */
  private async setAside(task: Task, deaths: number, reason: string): Promise<void> {
    const message = poisonMessage('Activity', task.name, deaths, reason);
    this.engine.log('critical', task.name, message);
    if (task.retry) task.retry = { ...task.retry, failure: failure(message) };
    await this.engine.store.commit(() => {
      this.engine.store.saveDeaths(task);
      this.engine.store.addPoison({ instanceId: task.instanceId, functionName: task.name, deaths, reason });
    });
    await this.end(task, 'failed', failure(message));
  }

  private async request(task: Task): Promise<void> {
    try {
      const answer = await callHttp(task.input ?? '{}');
      if (answer.kind === 'done') return await this.succeed(task, answer.response);
      const moved = { ...task, input: answer.request, dueAt: this.engine.clock.now() + answer.waitMs };
      await this.engine.store.commit(() => this.engine.store.moveTask(moved));
      if (!this.engine.stopped) this.dispatch(moved);
    } catch (error) {
      const { message, stack } = error as Error;
      await this.end(task, 'failed', failure(message, stack ?? message));
    }
  }
}

const alarmKey = (task: Task): string => `task ${task.uid}`;

/** An activity's result arrives as one of the wire forms of the worker protocol (`RpcTypedData`). */
function jsonOf(wire: unknown): string | null {
  if (!wire || typeof wire !== 'object') return null;
  const { json, string, int, double, bytes } = wire as {
    json?: string;
    string?: string;
    int?: number;
    double?: number;
    bytes?: Uint8Array;
  };
  if (json !== undefined) return json;
  return JSON.stringify(string ?? int ?? double ?? (bytes ? Buffer.from(bytes).toString('base64') : null));
}
