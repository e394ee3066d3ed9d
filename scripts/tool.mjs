import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** Runs a tool of node_modules with this Node and this terminal; resolves to its exit code, 128+n after a signal. */
export function runTool(root, bin, args) {
  return runNode([join(root, 'node_modules', bin), ...args], { cwd: root, stdio: 'inherit' });
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** A signal to this process goes on to the child, whose end decides; nothing is left running. */
export function runNode(args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, options);
    options.onStart?.(child.pid);
    const forward = (signal) => child.kill(signal);
    for (const signal of Object.keys(SIGNALS)) process.on(signal, forward);
    child.stderr?.on('data', (chunk) => options.onError?.(String(chunk)));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const name of Object.keys(SIGNALS)) process.off(name, forward);
      resolve(code ?? 128 + (SIGNALS[signal] ?? 9));
    });
  });
}
