export type WorkKind = 'activity' | 'orchestrator' | 'entity';

interface Waiting {
  kind: WorkKind;
  start(): void;
}

/**
 * Decides when work may go to the worker process: within the limits of host.json, and **suspects alone**. A suspect is
 * work that was under way when the process died; run by itself, the next death is its own and nobody else's.
 */
export class Admission {
  private readonly running: Record<WorkKind, number> = { activity: 0, orchestrator: 0, entity: 0 };
  private readonly queues: Record<WorkKind, Waiting[]> = { activity: [], orchestrator: [], entity: [] };
  private readonly suspects: Waiting[] = [];
  private suspectRuns = false;

  constructor(private readonly limits: Record<WorkKind, number>) {}

  async run<T>(kind: WorkKind, isSuspect: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      (isSuspect ? this.suspects : this.queues[kind]).push({ kind, start });
      this.admit();
    });
    try {
      return await work();
    } finally {
      this.running[kind]--;
      this.suspectRuns = false; // nothing else can have run beside a suspect
      this.admit();
    }
  }

  private admit(): void {
    if (this.suspectRuns) return;
    const suspect = this.suspects[0];
    if (suspect) {
      if (Object.values(this.running).some((count) => count > 0)) return;
      this.suspectRuns = true;
      return this.start(this.suspects);
    }
    for (const kind of Object.keys(this.queues) as WorkKind[]) {
      while (this.running[kind] < this.limits[kind] && this.queues[kind].length > 0) this.start(this.queues[kind]);
    }
  }

  private start(queue: Waiting[]): void {
    const next = queue.shift()!;
    this.running[next.kind]++;
    next.start();
  }
}
