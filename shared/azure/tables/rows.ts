import { AppError } from '../../model/errors';

/** What a column may hold here. Null and undefined are not stored. */
export type Column = string | number | boolean;

/** One row as it is written; keys and columns have the names of the record's fields. */
export interface Row extends Record<string, Column | undefined> {
  partitionKey: string;
  rowKey: string;
}

/** A row as it was read. */
export interface StoredRow extends Record<string, unknown> {
  partitionKey?: string;
  rowKey?: string;
  etag: string;
}

/** A string column holds 64 KiB of UTF-16. */
const MAX_CHARACTERS = 32 * 1024;

/** Refuses what Azure would refuse with a message that names no column. */
export function checkSizes(row: Row): Row {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== 'string' || value.length <= MAX_CHARACTERS) continue;
    throw new AppError(
      'INTERNAL',
      `${name} of ${row.rowKey} has ${value.length} characters; a table column holds ${MAX_CHARACTERS}`,
    );
  }
  return row;
}

/** Absent for undefined, so that it is undefined again when read. */
export const toJson = (value: unknown): string | undefined => JSON.stringify(value);

export const orAbsent = (value: string | null): string | undefined => value ?? undefined;

/** Reads columns of one row; a column that is not there reads as empty. */
export function columnsOf(row: StoredRow) {
  const text = (name: string): string => {
    const value = row[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    text,
    /** Null when nothing was stored. */
    orNull: (name: string): string | null => text(name) || null,
    number: (name: string): number => Number(row[name] ?? 0),
    flag: (name: string): boolean => row[name] === true,
    /** The caller knows what it wrote; `absent` stands for a column that was left out. */
    json<T>(name: string, absent: T): T {
      const value = text(name);
      return value ? (JSON.parse(value) as T) : absent;
    },
  };
}
