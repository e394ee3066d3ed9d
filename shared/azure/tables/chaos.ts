import type { ChaosReport } from '../../model/chaos';
import type { ChaosStore } from '../../ports';
import { columnsOf } from './rows';
import { inPartition, type Table } from './table';

/** A report of a large run is longer than one column of 32 Ki characters. */
const PART = 30_000;
const PARTS = 10;
const WRITE_ATTEMPTS = 10;

/** Row keys begin with the time turned round, so that a listing has the newest run first. */
export function createChaosStore(table: Table): ChaosStore {
  return {
    async put(report) {
      const row = { partitionKey: report.cluster, rowKey: rowKeyOf(report), ...partsOf(report) };
      for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
        const found = await table.get(row.partitionKey, row.rowKey);
        if (await (found ? table.replace(row, found.etag) : table.insert(row))) return;
      }
    },
    async list(cluster, limit) {
      const rows = await table.list(inPartition(cluster));
      return rows.slice(0, limit).map((row) => {
        const { text } = columnsOf(row);
        const parts = Array.from({ length: PARTS }, (_, index) => text(`report${index}`));
        return JSON.parse(parts.join('')) as ChaosReport;
      });
    },
  };
}

const LATEST = 9_999_999_999_999;
const rowKeyOf = ({ id, startedAt }: ChaosReport): string =>
  `${String(LATEST - Date.parse(startedAt)).padStart(13, '0')}-${id}`;

function partsOf(report: ChaosReport): Record<string, string> {
  const text = JSON.stringify(report);
  const parts: Record<string, string> = {};
  for (let index = 0; index * PART < text.length; index++)
    parts[`report${index}`] = text.slice(index * PART, (index + 1) * PART);
  return parts;
}
