import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';

/** A file that cloud-init writes at the first boot. */
export interface GuestFile {
  path: string;
  content: string;
}

/** What a machine learns from its customData, as cloud-init would read it. */
export interface CustomData {
  files: GuestFile[];
  /** `KEY=value` lines of `/etc/starling/node.env`. */
  environment: Record<string, string>;
}

const NODE_ENVIRONMENT = '/etc/starling/node.env';

interface WriteFile {
  path?: string;
  content?: string;
  encoding?: string;
}

/**
 * Reads a base64 `#cloud-config`, gzipped or not. Anything else gives a machine without files, just as cloud-init
 * ignores what it does not know.
 */
export function parseCustomData(customData: string): CustomData {
  const text = textOf(Buffer.from(customData, 'base64'));
  if (!/^(## template: jinja\n)?#cloud-config/.test(text)) return { files: [], environment: {} };
  const config = parse(text) as { write_files?: WriteFile[] } | null;
  const files = (config?.write_files ?? []).map((file) => ({ path: file.path ?? '', content: contentOf(file) }));
  const environment = files.find(({ path }) => path === NODE_ENVIRONMENT)?.content ?? '';
  return { files, environment: parseEnvironment(environment) };
}

/** Whether a systemd unit of this name comes with the data. */
export const hasUnit = ({ files }: CustomData, unit: string): boolean =>
  files.some(({ path }) => path === `/etc/systemd/system/${unit}`);

/** Whether one of Starling's scripts comes with the data. */
export const hasScript = ({ files }: CustomData, script: string): boolean =>
  files.some(({ path }) => path === `/usr/local/lib/starling/${script}`);

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

const textOf = (bytes: Buffer): string => (isGzip(bytes) ? gunzipSync(bytes) : bytes).toString('utf8');

/** cloud-init knows many names for these: `b64`, `base64`, `gz+b64`, `gzip+base64`, … */
function contentOf({ content = '', encoding = '' }: WriteFile): string {
  return /b64|base64/.test(encoding) ? textOf(Buffer.from(content, 'base64')) : content;
}

/** Sample: `STARLING_URL='https://app.example'`. */
function parseEnvironment(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => /^(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim()));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1], unquoted(match[2] ?? '')]] : [])));
}

const unquoted = (value: string): string => /^(['"])(.*)\1$/.exec(value)?.[2] ?? value;
