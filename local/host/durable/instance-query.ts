import type { InstanceFilter } from '../contract';

const DEFAULT_PAGE = 100; // As the durable client's HTTP API.

/** The page of instances that a filter asks for, ordered by id, after the id `after`. */
export function instanceQuery(filter: InstanceFilter, after: string): { sql: string; values: (string | number)[] } {
  const conditions: [sql: string, ...values: (string | number)[]][] = [['id > ?', after]];
  if (filter.createdTimeFrom) conditions.push(['createdAt >= ?', parseTime(filter.createdTimeFrom)]);
  if (filter.createdTimeTo) conditions.push(['createdAt <= ?', parseTime(filter.createdTimeTo)]);
  if (filter.instanceIdPrefix)
    conditions.push(['substr(id, 1, ?) = ?', filter.instanceIdPrefix.length, filter.instanceIdPrefix]);
  const statuses = filter.runtimeStatus ?? [];
  if (statuses.length > 0) conditions.push([`status IN (${statuses.map(() => '?').join()})`, ...statuses]);
  const where = conditions.map(([sql]) => sql).join(' AND ');
  const values = conditions.flatMap(([, ...each]) => each);
  return { sql: `SELECT * FROM instances WHERE ${where} ORDER BY id LIMIT ${filter.top ?? DEFAULT_PAGE}`, values };
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new RangeError(`'${text}' is not a time.`);
  return time;
}
