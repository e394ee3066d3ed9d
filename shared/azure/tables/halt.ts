import { AppError } from '../../model/errors';
import type { HaltLever } from '../../ports';
import { columnsOf } from './rows';
import type { Table } from './table';

const KEY = { partitionKey: 'starling', rowKey: 'halt' };
const WRITE_ATTEMPTS = 10;

/** The lever is one row of its own table: it belongs to no cluster, and stops them all. */
export function createHaltLever(table: Table): HaltLever {
  return {
    async read() {
      const row = await table.get(KEY.partitionKey, KEY.rowKey);
      if (!row) return { halted: false, reason: '', since: '' };
      const { flag, text } = columnsOf(row);
      return { halted: flag('halted'), reason: text('reason'), since: text('since') };
    },
    async set(halt) {
      for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
        const row = await table.get(KEY.partitionKey, KEY.rowKey);
        const written = { ...KEY, ...halt };
        if (await (row ? table.replace(written, row.etag) : table.insert(written))) return;
      }
      throw new AppError('AZURE_UNAVAILABLE', 'the halt lever is being moved by many at once', { retryAfterMs: 1000 });
    },
  };
}
