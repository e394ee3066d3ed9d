import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync, appendFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CustomData } from '../custom-data';
import type { MachineSpec } from '../machine';
import { RELEASES_ADDRESS } from './fabric';

export interface Image {
  /** Root file system of all nodes. */
  base: string;
  /** Release page of an engine that this machine stands in for, and the authority that vouches for it. */
  releases?: { host: string; caPem: string };
}

/** Makes the disk of a machine at its first boot; one that is there already stays as it is. Returns its root file system below. */
export function prepareDisk(folder: string, spec: MachineSpec, data: CustomData, image: Image): string {
  const base = join(folder, 'base');
  // Named for as long as the disk lives: the layer on top of it fits no other.
  if (existsSync(base)) return readFileSync(base, 'utf8');
  for (const name of ['upper', 'work', 'root', 'data', 'seed']) mkdirSync(join(folder, name), { recursive: true });
  seed(join(folder, 'seed'), spec, data, image);
  writeFileSync(base, image.base);
  return image.base;
}

export const removeDisk = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

/** What Azure's fabric would tell a machine at its first boot, as cloud-init's NoCloud source has it, and what the image has of the machine. */
function seed(folder: string, spec: MachineSpec, data: CustomData, image: Image): void {
  const put = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  put('var/lib/cloud/seed/nocloud-net/user-data', Buffer.from(spec.customData, 'base64'));
  put('var/lib/cloud/seed/nocloud-net/meta-data', `instance-id: ${spec.vmId}\nlocal-hostname: ${spec.computerName}\n`);
  put('etc/hostname', `${spec.computerName}\n`);
  put('etc/machine-id', `${randomUUID().replaceAll('-', '')}\n`);
  put('etc/hosts', hosts(spec, image));
  if (data.environment['STARLING_ENGINE'] !== 'swarm') withoutDocker(folder);
  if (image.releases) {
    const bundle = 'etc/ssl/certs/ca-certificates.crt';
    mkdirSync(dirname(join(folder, bundle)), { recursive: true });
    copyFileSync(join(image.base, bundle), join(folder, bundle));
    appendFileSync(join(folder, bundle), image.releases.caPem);
  }
}

function hosts({ computerName }: MachineSpec, { releases }: Image): string {
  const page = releases ? `${RELEASES_ADDRESS} ${releases.host}\n` : '';
  return `127.0.0.1 localhost\n127.0.1.1 ${computerName}\n::1 localhost ip6-localhost\n${page}`;
}

/** The one root file system has Docker, as a golden image for Swarm would; the image of other machines has not. */
function withoutDocker(folder: string): void {
  const units = join(folder, 'etc/systemd/system');
  mkdirSync(units, { recursive: true });
  for (const name of ['docker.service', 'docker.socket', 'containerd.service'])
    symlinkSync('/dev/null', join(units, name));
}

/** A network card of Azure (its cards begin with 00:0d:3a), the same for as long as the machine lives. */
export function macOf(vmId: string): string {
  const digest = createHash('sha256').update(vmId).digest('hex');
  return `00:0d:3a:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}
