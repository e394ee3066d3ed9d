import { CronExpressionParser, type CronExpression } from 'cron-parser';

/**
 * Schedules as Azure Functions has them: `{second} {minute} {hour} {day} {month} {day-of-week}`, all six of which must fit
 * (https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions). Times of day are local
 * ones.
 */

/** cron-parser knows more (`L`, `#`, `?`, 7 for Sunday), which Azure does not. */
const NUMBERS = /^[\d*,/-]+$/;
const MONTHS = /^([\d*,/-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)+$/i;
const WEEKDAYS = /^([0-6*,/-]|sun|mon|tue|wed|thu|fri|sat)+$/i;
const FIELDS: readonly [name: string, form: RegExp][] = [
  ['second', NUMBERS],
  ['minute', NUMBERS],
  ['hour', NUMBERS],
  ['day', NUMBERS],
  ['month', MONTHS],
  ['day of the week', WEEKDAYS],
];

/** What is wrong with the schedule, for a person; undefined when nothing is. */
export function scheduleProblem(text: string): string | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) return 'six fields: second minute hour day month weekday';
  const wrong = FIELDS.findIndex(([, form], index) => !form.test(parts[index] ?? ''));
  if (wrong >= 0) return `'${parts[wrong]}' is no ${FIELDS[wrong]?.[0]} (numbers, lists, ranges, steps)`;
  try {
    parse(parts, { timeZone: 'UTC', before: 0 });
    return undefined;
  } catch (error) {
    return `is no schedule: ${(error as Error).message}`; // that is how the parser says what it does not take
  }
}

/**
 * The last tick in `(after, until]`, milliseconds since the epoch; undefined when there is none. For spans of minutes: looks at
 * every tick in between. Throws for a schedule that has a problem.
 */
export function lastTick(
  text: string,
  timeZone: string,
  { after, until }: { after: number; until: number },
): number | undefined {
  const parts = text.trim().split(/\s+/);
  const weekdays = new Set(parse(parts, { timeZone, before: 0 }).fields.dayOfWeek.values.map((day) => Number(day) % 7));
  // The parser takes a day that fits one of day and weekday, as cron does; Azure wants both, so the weekday is looked at here.
  const anyWeekday = parse([...parts.slice(0, 5), '*'], { timeZone, before: until + 1 });
  for (;;) {
    const tick = anyWeekday.prev();
    if (tick.getTime() <= after) return undefined;
    if (weekdays.has(tick.getDay())) return tick.getTime();
  }
}

const parse = (parts: string[], { timeZone, before }: { timeZone: string; before: number }): CronExpression =>
  CronExpressionParser.parse(parts.join(' '), { tz: timeZone, currentDate: new Date(before) });
