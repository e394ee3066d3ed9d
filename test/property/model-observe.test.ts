import fc from 'fast-check';
import type { NodeRecord } from '../../shared/model/node';
import { observe, type Findings, type Sight } from '../../shared/model/observe';
import { engineOf, lookAt, machinesOf, pass, vmIdOf, type World } from './model-world';
import { anyWorld } from './model-worlds';

/** fast-check prints seed and path of a failure. */
const RUNS = { numRuns: 500 };

it('finds nothing in another look at the same world, once what was parked and runs has booted', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      lookAt(world);
      lookAt(world); // a parked node boots before it is ready, so that its move is along the table
      world.now += 1000; // later, but nothing else has changed
      expect(lookAt(world)).toEqual({ changed: [], gone: [], registered: [], returned: [], events: [] });
    }),
    RUNS,
  );
});

it('never forgets that a node has registered, nor gives it another name', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const before = new Map(world.rows.map((row) => [row.vmId, row]));
      for (const row of lookAt(world).changed) {
        const old = before.get(row.vmId);
        if (!old) continue;
        expect(row).toMatchObject({ nodeName: old.nodeName, createdAt: old.createdAt, role: old.role });
        if (old.registeredAt) expect(row.registeredAt).toBe(old.registeredAt);
      }
    }),
    RUNS,
  );
});

/** A registry as Table storage is: a write counts only on the version that was read; a delete always counts. */
class Registry {
  private readonly rows = new Map<string, { record: NodeRecord; etag: number }>();
  private writes = 0;

  constructor(records: NodeRecord[]) {
    for (const record of records) this.rows.set(record.vmId, { record, etag: ++this.writes });
  }

  read = (): { record: NodeRecord; etag: number }[] => [...this.rows.values()];
  write(record: NodeRecord, etag: number | undefined): void {
    if (this.rows.get(record.vmId)?.etag === etag) this.rows.set(record.vmId, { record, etag: ++this.writes });
  }
  remove = (vmId: string): void => void this.rows.delete(vmId);
}

/** A look in its three steps, between which others may do theirs: rows are read, the world is looked at, findings are written. */
class Look {
  private rows: ReturnType<Registry['read']> = [];
  private sight: Sight | undefined;

  read = (registry: Registry): void => void (this.rows = registry.read());

  see(world: World): void {
    const now = new Date(world.now).toISOString();
    const rows = this.rows.map(({ record }) => record);
    this.sight = { cluster: 'demo', rows, machines: machinesOf(world), engine: engineOf(world), now, cause: 'timer' };
  }

  write(registry: Registry): void {
    const { changed, gone }: Findings = observe(this.sight!);
    const etags = new Map(this.rows.map(({ record, etag }) => [record.vmId, etag]));
    for (const record of changed) registry.write(record, etags.get(record.vmId));
    for (const { vmId } of gone) registry.remove(vmId);
  }
}

type Step = 'read' | 'see' | 'write';
const STEPS: readonly Step[] = ['read', 'see', 'write'];

/** Looks whose steps are shuffled among each other, and minutes and losses that come in between. */
const anyCourse = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('step' as const), look: fc.nat({ max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('minute' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('loss' as const), vm: fc.nat({ max: 9 }) }) },
  ),
  { maxLength: 40 },
);

it('ends in the same rows however many looks there were, and however they were entangled', () => {
  fc.assert(
    fc.property(anyWorld, anyCourse, (world, course) => {
      const registry = new Registry(world.rows);
      const looks = [0, 1, 2, 3].map(() => ({ look: new Look(), done: 0 }));
      for (const event of course) {
        if (event.kind === 'minute') pass(world);
        else if (event.kind === 'loss')
          world.vms = world.vms.filter(({ index }) => index === 0 || index !== event.vm + 1);
        else {
          const entry = looks[event.look]!;
          const step = STEPS[entry.done++ % STEPS.length]!;
          if (step === 'see') entry.look.see(world);
          else entry.look[step](registry);
        }
      }
      for (const { look, done } of looks) if (done % STEPS.length === 2) look.write(registry); // the last ones come late

      for (const last of [new Look(), new Look()]) {
        last.read(registry);
        last.see(world);
        last.write(registry);
      }
      const rows = registry.read().map(({ record }) => record);

      expect(rows.map(({ vmId }) => vmId).sort()).toEqual(world.vms.map(({ index }) => vmIdOf(index)).sort());
      const again = observe({ ...new SightOf(world, rows) });
      expect(again).toEqual({ changed: [], gone: [], registered: [], returned: [], events: [] });
    }),
    RUNS,
  );
});

/** A quiet look at the world as it is now. */
class SightOf implements Sight {
  readonly cluster = 'demo';
  readonly cause = 'timer';
  readonly machines: Sight['machines'];
  readonly engine: Sight['engine'];
  readonly now: string;

  constructor(
    world: World,
    readonly rows: NodeRecord[],
  ) {
    this.machines = machinesOf(world);
    this.engine = engineOf(world);
    this.now = new Date(world.now).toISOString();
  }
}
