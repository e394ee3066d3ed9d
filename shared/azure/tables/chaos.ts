import { AppError } from '../../model/errors';
import type { ChaosReport } from '../../model/chaos';
import type { ChaosStore } from '../../ports';
import { columnsOf, type StoredRow } from './rows';
import { inPartition, type Table } from './table';

/** A column holds 32 Ki characters, a row 1 MiB: the report of a thousand victims takes half of that. */
const PART = 30_000;
const PARTS = 16;
/** Only the run itself writes its report, so a lost write is one of its own that was sent twice. */
const WRITE_ATTEMPTS = 10;

/** Row keys begin with the time turned round, so that a listing has the newest run first and reads no more than asked for. */
export function createChaosStore(table: Table): ChaosStore {
  return {
    async put(report) {
      const row = { partitionKey: report.cluster, rowKey: rowKeyOf(report), ...partsOf(report) };
      for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
        const found = await table.get(row.partitionKey, row.rowKey);
        if (await (found ? table.replace(row, found.etag) : table.insert(row))) return;
      }
      throw new AppError('AZURE_UNAVAILABLE', `the report of ${report.id} is being written by too many at once`);
    },
    async get(key) {
      const found = await table.get(key.cluster, rowKeyOf(key));
      return found && toReport(found);
    },
    async list(cluster, limit) {
      return (await table.list(inPartition(cluster), limit)).map(toReport);
    },
  };
}

const LATEST = 9_999_999_999_999;
const rowKeyOf = ({ id, startedAt }: Pick<ChaosReport, 'id' | 'startedAt'>): string =>
  `${String(LATEST - Date.parse(startedAt)).padStart(13, '0')}-${id}`;

function partsOf(report: ChaosReport): Record<string, string> {
  const text = JSON.stringify(report);
  const parts: Record<string, string> = {};
  for (let index = 0; index * PART < text.length; index++)
    parts[`report${index}`] = text.slice(index * PART, (index + 1) * PART);
  return parts;
}

function toReport(row: StoredRow): ChaosReport {
  const { text } = columnsOf(row);
  const parts = Array.from({ length: PARTS }, (_, index) => text(`report${index}`));
  return JSON.parse(parts.join('')) as ChaosReport;
}
