const STEPS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const;

/** `45 s`, `3 min`, `2 h`, `5 d`: rounded down to the largest unit. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [size, unit] = STEPS.find(([size]) => seconds >= size) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

/** `14:03:09` today, `2026-11-22 14:03:09` otherwise; UTC, as everything that Starling says. */
export function clockTime(iso: string, now = new Date()): string {
  const [day = '', time = ''] = iso.split('T');
  const short = time.slice(0, 8);
  return now.toISOString().startsWith(day) ? short : `${day} ${short}`;
}
