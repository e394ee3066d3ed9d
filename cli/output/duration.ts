const STEPS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `5 d`: rounded down to the second of its units. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const at = STEPS.findIndex(([size]) => seconds >= size);
  if (at < 0 || at === STEPS.length - 1) return `${seconds} s`;
  const [size, unit] = STEPS[at]!;
  const [smaller, smallerUnit] = STEPS[at + 1]!;
  const rest = Math.floor((seconds % size) / smaller);
  return `${Math.floor(seconds / size)} ${unit}${rest > 0 ? ` ${rest} ${smallerUnit}` : ''}`;
}

/** `14:03:09` today, `2026-11-22 14:03:09` otherwise; UTC, as everything that Starling says. */
export function clockTime(iso: string, now = new Date()): string {
  const [day = '', time = ''] = iso.split('T');
  const short = time.slice(0, 8);
  return now.toISOString().startsWith(day) ? short : `${day} ${short}`;
}
