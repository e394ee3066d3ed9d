import { readFileSync } from 'node:fs';

/**
 * The process whose end ends `npm start`: our parent, or the parent of the shell between it and us. `kill -9` of npm
 * leaves that shell running, and so our own parent would stay the same. Only Linux tells about other processes; on
 * macOS the shell makes way for us.
 */
export function npmProcess(): number {
  try {
    const [, name = '', parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${process.ppid}/stat`, 'utf8')) ?? [];
    if (/^(sh|dash|bash|ash|zsh|busybox)$/.test(name)) return Number(parent);
  } catch {
    // no Linux, or it has just ended
  }
  return process.ppid;
}
