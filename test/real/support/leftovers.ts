import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/** What nodes use of the machine, as far as it would show if something of it were left: names that begin or end differently tell. */
export interface Traces {
  processes: string[];
  mounts: string[];
  namespaces: string[];
  links: string[];
  rules: string[];
  groups: string[];
}

const lines = (program: string, ...args: string[]): string[] => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter(Boolean);
  } catch {
    return []; // it is not there, so it left nothing
  }
};

export function traces(stateDir: string): Traces {
  const isOurs = (text: string): boolean => text.includes(stateDir) || text.includes('starling-');
  return {
    processes: commandLines().filter((line) => /systemd-nspawn|dockerd|containerd|gateway\.js/.test(line)),
    mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').filter(isOurs),
    namespaces: lines('lsns', '--type', 'net', '--noheadings', '--output', 'NS'),
    links: lines('ip', '-o', 'link').map((line) => line.split(': ')[1] ?? ''),
    rules: [...lines('iptables-save'), ...lines('nft', 'list', 'ruleset')].filter((line) => !line.startsWith('#')),
    groups: controlGroups(),
  };
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        return []; // it has ended meanwhile
      }
    });
}

const controlGroups = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type = '']) => type.startsWith('cgroup'))
    .flatMap(([, where = '']) =>
      readdirSync(where)
        .filter((name) => name.startsWith('starling-'))
        .map((name) => `${where}/${name}`),
    );
