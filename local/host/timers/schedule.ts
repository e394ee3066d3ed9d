import { CronExpressionParser } from 'cron-parser';

export interface Schedule {
  /** The first occurrence after `after`; both in milliseconds since the epoch. */
  next(after: number): number;
}

const DAY_MS = 86_400_000;
/** More days than this in a row without a day that fits both fields do not occur: February 29 on a given weekday comes every 28 years or so. */
const MAX_SKIPPED_DAYS = 400;

/**
 * A timer trigger's schedule: NCRONTAB with six fields (`{second} {minute} {hour} {day} {month} {day-of-week}`) or five, or
 * a TimeSpan such as `00:05:00` or `1.00:00:00`.
 * @throws RangeError that quotes the text, for anything that the real host would refuse, too.
 */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const trimmed = text.trim();
  return trimmed.includes(':') ? timeSpan(trimmed) : ncrontab(trimmed, timeZone);
}

function timeSpan(text: string): Schedule {
  const found = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d{1,7})?)$/.exec(text);
  const [days, hours, minutes, seconds] = (found?.slice(1) ?? []).map((part) => Number(part ?? 0));
  const isValid = found !== null && hours! < 24 && minutes! < 60 && seconds! < 60;
  if (!isValid) throw new RangeError(`The schedule '${text}' is no TimeSpan of the form [days.]hours:minutes:seconds.`);
  const spanMs = days! * DAY_MS + ((hours! * 60 + minutes!) * 60 + seconds!) * 1000;
  if (spanMs <= 0) throw new RangeError(`The schedule '${text}' is an empty TimeSpan.`);
  return { next: (after) => after + spanMs };
}

/** cron-parser knows more (`L`, `#`, `?`, `@daily`, 7 for Sunday), NCRONTAB does not. */
const NUMBERS = /^[\d*,/-]+$/;
const MONTHS = /^([\d*,/-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)+$/i;
const WEEKDAYS = /^([0-6*,/-]|sun|mon|tue|wed|thu|fri|sat)+$/i;
const FIELDS = [NUMBERS, NUMBERS, NUMBERS, NUMBERS, MONTHS, WEEKDAYS];

function ncrontab(text: string, timeZone: string): Schedule {
  const fields = text.split(/\s+/);
  if (fields.length === 5) fields.unshift('0');
  if (fields.length !== 6 || !fields.every((field, index) => FIELDS[index]!.test(field))) {
    throw new RangeError(`The schedule '${text}' is no NCRONTAB expression of six (or five) fields.`);
  }
  const days = parse(fields, timeZone, text).fields.dayOfWeek.values.map((day) => Number(day) % 7);
  const anyWeekday = [...fields.slice(0, 5), '*'];
  const search = { fields: anyWeekday, timeZone, text, days: new Set(days) };
  return { next: (after) => nextOnWeekday(search, after) };
}

function parse(
  fields: string[],
  timeZone: string,
  text: string,
  after = 0,
): ReturnType<typeof CronExpressionParser.parse> {
  try {
    return CronExpressionParser.parse(fields.join(' '), { currentDate: new Date(after), tz: timeZone });
  } catch (error) {
    throw new RangeError(`The schedule '${text}' is not valid: ${(error as Error).message}`);
  }
}

interface WeekdaySearch {
  fields: string[];
  timeZone: string;
  text: string;
  days: ReadonlySet<number>;
}

/**
 * NCRONTAB wants day of month *and* day of week to fit, cron-parser (like cron itself) one of the two when both are given;
 * so the weekday is checked here, a day at a time.
 */
function nextOnWeekday({ fields, timeZone, text, days }: WeekdaySearch, after: number): number {
  let from = after;
  for (let skipped = 0; skipped < MAX_SKIPPED_DAYS; skipped++) {
    const candidate = parse(fields, timeZone, text, from).next();
    if (days.has(candidate.getDay())) return candidate.getTime();
    candidate.setEndOfDay();
    from = candidate.getTime();
  }
  throw new RangeError(`The schedule '${text}' never comes.`);
}

/** As the real host: below a minute a schedule is not monitored, whatever the function asks for. */
export function isMonitored(schedule: Schedule, now: number): boolean {
  const gaps = 5; // as many as the extension looks at
  for (let at = schedule.next(now), count = 0; count < gaps; count++) {
    const following = schedule.next(at);
    if (following - at < 60_000) return false;
    at = following;
  }
  return true;
}
