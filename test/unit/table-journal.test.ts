import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Loki from 'lokijs';
import { TableJournal, type LokiDatabase } from '../../local/table-journal';

interface Row {
  key: string;
  text: string;
}

interface Rows {
  insert(row: Row): void;
  update(row: Row): void;
  remove(row: Row): void;
  find(query?: object): Row[];
  findOne(query: object): Row | null;
}

interface Tables extends LokiDatabase {
  loadDatabase(options: object, done: (error?: unknown) => void): void;
  saveDatabase(done: (error?: unknown) => void): void;
  getCollection(name: string): Rows | null;
  addCollection(name: string, options?: object): Rows;
  removeCollection(name: string): void;
}

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-journal-'));
  file = join(folder, 'tables.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As Azurite opens its tables: settings, load, tables that are not there yet, save. */
async function open() {
  const db = new Loki(file, { persistenceMethod: 'fs', autosave: true, autosaveInterval: 5000 }) as Tables;
  const journal = new TableJournal(db, file);
  await new Promise<void>((resolve, reject) =>
    db.loadDatabase({}, (error) => (error ? reject(error as Error) : resolve())),
  );
  const rows = db.getCollection('rows') ?? db.addCollection('rows', { indices: ['key'] });
  await new Promise((resolve) => db.saveDatabase(resolve));
  return { db, journal, rows };
}

const contents = (rows: Rows): string[] => rows.find().map(({ key, text }) => `${key}=${text}`);

async function found(): Promise<string[]> {
  return contents((await open()).rows).sort();
}

describe('the file of the tables', () => {
  it('holds what was inserted, changed and removed, as soon as it is saved', async () => {
    const { journal, rows } = await open();
    for (const key of ['a', 'b', 'c']) rows.insert({ key, text: 'new' });
    journal.save();
    rows.update({ ...rows.findOne({ key: 'b' })!, text: 'changed' });
    rows.remove(rows.findOne({ key: 'c' })!);
    journal.save();
    rows.insert({ key: 'd', text: 'never saved' });
    expect(await found()).toEqual(['a=new', 'b=changed']);
  });

  it('goes on after each start, and finds by index what came from it', async () => {
    for (const key of ['b', 'a', 'c']) {
      const { journal, rows } = await open();
      rows.insert({ key, text: '1' });
      journal.save();
    }
    const { rows } = await open();
    expect(rows.find({ key: 'a' })).toMatchObject([{ key: 'a' }]);
    expect(rows.find({ key: { $gte: 'b' } })).toHaveLength(2);
  });

  it('takes no row for one that was removed before', async () => {
    const { journal, rows } = await open();
    rows.insert({ key: 'a', text: '1' });
    rows.remove(rows.findOne({ key: 'a' })!);
    rows.insert({ key: 'b', text: '2' });
    journal.save();
    const again = await open();
    again.rows.insert({ key: 'c', text: '3' });
    again.journal.save();
    expect(await found()).toEqual(['b=2', 'c=3']);
  });

  it('leaves out a last line that was cut off', async () => {
    const { journal, rows } = await open();
    rows.insert({ key: 'a', text: '1' });
    journal.save();
    appendFileSync(file, '["rows",2,{"key":"b","te');
    expect(await found()).toEqual(['a=1']);
  });

  it('is read as LokiJS itself wrote it before there was a journal', async () => {
    const { db, rows } = await open();
    rows.insert({ key: 'a', text: '1' });
    writeFileSync(file, db.serialize());
    expect(await found()).toEqual(['a=1']);
  });

  it('holds tables that are made and dropped later', async () => {
    const { db, journal } = await open();
    db.addCollection('more').insert({ key: 'm', text: '1' });
    journal.save();
    const again = await open();
    expect(contents(again.db.getCollection('more')!)).toEqual(['m=1']);
    again.db.removeCollection('more');
    again.journal.save();
    expect((await open()).db.getCollection('more')).toBeNull();
  });

  it('grows by what a write changes, not by the rows there are, and stays within bounds', async () => {
    const { journal, rows } = await open();
    for (let n = 0; n < 3000; n++) rows.insert({ key: `${n}`, text: 'x'.repeat(300) });
    journal.save();
    const before = statSync(file).size;
    rows.insert({ key: 'one', text: 'more' });
    journal.save();
    expect(statSync(file).size - before).toBeLessThan(500);
    const [row] = rows.find({ key: 'one' });
    for (let n = 0; n < 60; n++) {
      row!.text = `${n}`.repeat(100_000);
      rows.update(row!);
      journal.save();
    }
    expect(statSync(file).size).toBeLessThan(8_000_000); // sixty times 200 KB are 12 MB
    expect(await found()).toHaveLength(3001);
  });

  it('says which file it cannot read, and leaves it as it is', async () => {
    writeFileSync(file, 'no tables');
    await expect(open()).rejects.toThrow(`${file} cannot be read as tables`);
    expect(readFileSync(file, 'utf8')).toBe('no tables');
  });
});
