import { spawn } from 'node:child_process';

export interface Outcome {
  /** 127 when there is no such program, 137 when a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  input?: string;
  env?: Record<string, string>;
  /** Each line of standard error, as it comes. */
  onLine?: (line: string) => void;
}

/** Runs a program to its end; rejects never. */
export function execute(program: string, args: string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: options.env ?? process.env, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      for (const line of text.split('\n')) if (line.trim() !== '') options.onLine?.(line.trim());
    });
    child.once('error', (error) => resolve({ code: 127, stdout, stderr: String(error) }));
    child.once('close', (code) => resolve({ code: code ?? 137, stdout, stderr }));
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(options.input ?? '');
  });
}
