import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** When a timer ran and will run; milliseconds since the epoch. */
export interface ScheduleStatus {
  /** Absent before the first run. */
  last?: number;
  next: number;
  lastUpdated: number;
}

/** Keeps the status of all timers over restarts, so that a missed run is noticed. */
export interface ScheduleMonitor {
  get(functionName: string): ScheduleStatus | undefined;
  set(functionName: string, status: ScheduleStatus): void;
}

/** In one JSON file. A file that cannot be read is started anew: at worst one run comes twice or late. */
export function fileMonitor(file: string): ScheduleMonitor {
  const all = new Map(Object.entries(readAll(file)));
  return {
    get: (functionName) => all.get(functionName),
    set(functionName, status) {
      all.set(functionName, status);
      const fresh = `${file}.${process.pid}.new`;
      writeFileSync(fresh, JSON.stringify(Object.fromEntries(all)));
      renameSync(fresh, file); // a crash leaves the old file or the new one, never half of one
    },
  };
}

function readAll(file: string): Record<string, ScheduleStatus> {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, ScheduleStatus>;
  } catch {
    return {};
  }
}
