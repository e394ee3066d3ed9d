import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingForRealNodes } from '../../../local/vm/real/preflight';
import { prepareRealNodes } from '../../../local/vm/real/prepare';
import { canonicalVersion } from '../../../shared/model/version';

/** Why real nodes cannot run on this machine; undefined when they can. */
export function whyNot(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'starling-probe-'));
  try {
    return missingForRealNodes(folder).join(' ') || undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the engine that the nodes' image carries: what this machine's archive has. Sample: `  Candidate: 20.10.24+dfsg1-1+deb12u1`. */
export function dockerVersion(): string {
  const policy = execFileSync('apt-cache', ['policy', 'docker.io'], { encoding: 'utf8' });
  const [, candidate = ''] = /Candidate: (?:\d+:)?(\d+\.\d+\.\d+)/.exec(policy) ?? [];
  return canonicalVersion(candidate);
}

/** Makes the root file system of nodes, where this machine has none yet: a minute or two, which no start-up is to wait for. */
export async function prepareNodes(): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'starling-probe-'));
  try {
    await prepareRealNodes({ stateDir, env: process.env, say: (line) => void process.stdout.write(`${line}\n`) });
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}
