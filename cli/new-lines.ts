/**
 * What has come since: the lines of `now` after the longest end of `before` that `now` begins with. The oldest line of
 * an answer may be cut off at its beginning, so it is not compared. Everything is new when nothing overlaps.
 */
export function newLines(before: string[], now: string[]): string[] {
  for (let overlap = Math.min(before.length, now.length); overlap > 0; overlap--) {
    const end = before.slice(before.length - overlap);
    const isSame = end.every(
      (line, at) => line === now[at] || (at === 0 && overlap > 1 && line.endsWith(now[at] ?? '')),
    );
    if (isSame) return now.slice(overlap);
  }
  return now;
}
