/** Structured lines: one JSON object each, so that Application Insights and a terminal both read them. Never a secret. */
export type LogFields = Record<string, string | number | boolean | undefined>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** What Functions contexts offer. */
export interface LogSink {
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

export function logTo(sink: LogSink, common: LogFields = {}): Log {
  const line = (event: string, fields: LogFields = {}): string => JSON.stringify({ event, ...common, ...fields });
  return {
    info: (event, fields) => sink.info(line(event, fields)),
    warn: (event, fields) => sink.warn(line(event, fields)),
    error: (event, fields) => sink.error(line(event, fields)),
  };
}
