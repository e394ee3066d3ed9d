/**
 * Schedules as Azure Functions has them: `{second} {minute} {hour} {day} {month} {day-of-week}`, all six of which must fit
 * (https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions). Times of day are local
 * ones: an hour that the clocks leave out in spring has no ticks, one that they repeat in autumn has them twice.
 */
export interface Ncrontab {
  seconds: Set<number>;
  minutes: Set<number>;
  hours: Set<number>;
  days: Set<number>;
  months: Set<number>;
  weekdays: Set<number>;
}

interface Field {
  name: string;
  min: number;
  max: number;
  /** Names of the values, from `min` on. */
  words?: string[];
}

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of the week', min: 0, max: 6, words: WEEKDAYS },
];
/** In a leap year. */
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What is wrong with the schedule, for a person; a schedule otherwise. */
export function parseNcrontab(text: string): Ncrontab | string {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) return 'six fields: second minute hour day month weekday';
  const sets: Set<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const values = parseField(parts[index]!, field);
    if (!values) return `'${parts[index]}' is no ${field.name} (${field.min} to ${field.max}, lists, ranges, steps)`;
    sets.push(values);
  }
  const [seconds, minutes, hours, days, months, weekdays] = sets as [Ncrontab['seconds'], ...Set<number>[]];
  const firstDay = Math.min(...days!);
  if (![...months!].some((month) => firstDay <= DAYS_OF_MONTH[month - 1]!)) return 'such a day never comes';
  return { seconds, minutes: minutes!, hours: hours!, days: days!, months: months!, weekdays: weekdays! };
}

// `*`, `5`, `1-5`, `*/10`, `10-50/20`, and lists of those.
function parseField(text: string, field: Field): Set<number> | undefined {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const range = parseItem(item, field);
    if (!range) return undefined;
    for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  return values;
}

function parseItem(item: string, field: Field): { from: number; to: number; step: number } | undefined {
  const found = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(item);
  if (!found) return undefined;
  const [, star, first, last, every] = found;
  const from = star ? field.min : valueOf(first!, field);
  // `5/10` begins at 5 and goes on to the end.
  const to = last ? valueOf(last, field) : star || every ? field.max : from;
  const step = Number(every ?? 1);
  return from === undefined || to === undefined || from > to || step < 1 ? undefined : { from, to, step };
}

function valueOf(text: string, { min, max, words }: Field): number | undefined {
  const word = words?.indexOf(text.toLowerCase()) ?? -1;
  if (word >= 0) return min + word;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : undefined;
}

const MINUTE_MS = 60_000;

/** The last tick in `(after, until]`, milliseconds since the epoch; undefined when there is none. Looks at every minute in between. */
export function lastTick(
  schedule: Ncrontab,
  timeZone: string,
  { after, until }: { after: number; until: number },
): number | undefined {
  const seconds = [...schedule.seconds].sort((a, b) => b - a);
  const clock = new Intl.DateTimeFormat('en-US', { ...MINUTE_PARTS, timeZone });
  for (let minute = startOfMinute(until); minute > after - MINUTE_MS; minute -= MINUTE_MS) {
    if (!fits(schedule, clock.formatToParts(minute))) continue;
    const tick = seconds.map((second) => minute + second * 1000).find((at) => at <= until && at > after);
    if (tick !== undefined) return tick;
  }
  return undefined;
}

/** Time zones of today differ from UTC by whole minutes. */
const startOfMinute = (time: number): number => Math.floor(time / MINUTE_MS) * MINUTE_MS;

const MINUTE_PARTS: Intl.DateTimeFormatOptions = {
  hourCycle: 'h23',
  minute: 'numeric',
  hour: 'numeric',
  day: 'numeric',
  month: 'numeric',
  weekday: 'short',
};

function fits({ minutes, hours, days, months, weekdays }: Ncrontab, parts: Intl.DateTimeFormatPart[]): boolean {
  const part = (type: string): string => parts.find((candidate) => candidate.type === type)?.value ?? '';
  return (
    minutes.has(Number(part('minute'))) &&
    hours.has(Number(part('hour'))) &&
    days.has(Number(part('day'))) &&
    months.has(Number(part('month'))) &&
    weekdays.has(WEEKDAYS.indexOf(part('weekday').toLowerCase()))
  );
}
