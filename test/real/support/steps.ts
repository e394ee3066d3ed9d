import { performance } from 'node:perf_hooks';

/** Steps of one story, each with the time that it took; shown as a table at the end. */
export class Steps {
  private failed = '';
  private readonly taken: [name: string, seconds: number][] = [];

  constructor(private readonly title: string) {}

  /** A test of the story; later ones need what it has done. */
  step(name: string, run: () => Promise<void>, limitMs = 300_000): void {
    test(
      name,
      async () => {
        if (this.failed) throw new Error(`not tried, since a step before failed: ${this.failed}`);
        const begun = performance.now();
        try {
          await run();
        } catch (error) {
          this.failed = name;
          throw error;
        } finally {
          this.taken.push([name, (performance.now() - begun) / 1000]);
        }
      },
      limitMs,
    );
  }

  print(): void {
    const width = Math.max(...this.taken.map(([name]) => name.length));
    const total = this.taken.reduce((sum, [, seconds]) => sum + seconds, 0);
    const rows = [...this.taken, ['altogether', total] as const];
    const lines = rows.map(([name, seconds]) => `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s`);
    process.stdout.write(`\n${this.title}\n${lines.join('\n')}\n`);
  }
}
