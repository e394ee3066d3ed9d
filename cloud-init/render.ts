import { constants, gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import type { ClusterSpec } from '../shared/model/cluster';
import { NODE_FILES, type NodeEngine, unitNames } from './files';
import type { NodeFile, NodeRole } from './node-file';

export interface CustomDataInput {
  role: NodeRole;
  engine: NodeEngine;
  appUrl: string;
  cluster: string;
  /** Engine version, such as `v1.36.2+k3s1` or `29.7.2`. */
  version: string;
  ssh: ClusterSpec['ssh'];
  settings?: NodeSettings;
}

/** Departures from what a node does by itself. */
export interface NodeSettings {
  /** Where the engine comes from, without a final slash: its release files, or its archive for apt; by default its makers' own. */
  engineSource?: string;
  /** Pinned SHA-256 of the engine's binary; without it the published checksum is trusted. */
  engineSha256?: { amd64?: string; arm64?: string };
  imdsUrl?: string;
}

/** Limit of Azure for customData, counted as it travels. */
export const CUSTOM_DATA_LIMIT_BYTES = 64 * 1024;

/**
 * customData of a node: base64 of a gzipped `#cloud-config`, which cloud-init unpacks; it holds no secret (`base64 -d | gunzip`
 * shows that). The same for all machines of a role. Throws when a value would not survive the way to a shell, or the result
 * is too long.
 */
export function renderCustomData(input: CustomDataInput): string {
  const data = gzip(renderCloudConfig(input)).toString('base64');
  if (data.length > CUSTOM_DATA_LIMIT_BYTES) throw new Error(`customData has ${data.length} bytes, Azure takes 65536`);
  return data;
}

/**
 * The same text gives the same bytes on every platform, so that a repeated deployment changes nothing: Azure would refuse
 * another customData for a VM. The header (RFC 1952) has no time as Node writes it, but does name the operating system.
 */
function gzip(text: string): Buffer {
  const bytes = gzipSync(text, { level: constants.Z_BEST_COMPRESSION });
  bytes[OPERATING_SYSTEM_OFFSET] = UNKNOWN_OPERATING_SYSTEM;
  return bytes;
}

const OPERATING_SYSTEM_OFFSET = 9;
const UNKNOWN_OPERATING_SYSTEM = 255;

/** cloud-init itself installs nothing: what a node needs beyond its image, its own units fetch, again and again where they must. */
export function renderCloudConfig(input: CustomDataInput): string {
  const roleFiles = NODE_FILES[input.engine][input.role];
  const files = [nodeEnvironment(input), ...roleFiles, ...sshFiles(input.ssh)];
  const config = {
    write_files: files.map((file) => ({ ...file, owner: 'root:root' })),
    runcmd: [
      ['systemctl', 'daemon-reload'],
      ...sshCommands(input.ssh),
      ['systemctl', 'enable', ...unitNames(roleFiles)],
      // Waiting here would hang the boot until the whole cluster is up.
      ['systemctl', 'start', '--no-block', ...unitNames(roleFiles).filter((name) => name.startsWith('starling-'))],
    ],
  };
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

function nodeEnvironment({ role, engine, appUrl, cluster, version, settings }: CustomDataInput): NodeFile {
  const values = {
    STARLING_URL: appUrl.replace(/\/$/, ''),
    STARLING_CLUSTER: cluster,
    STARLING_ROLE: role,
    STARLING_ENGINE: engine,
    STARLING_ENGINE_VERSION: version,
    STARLING_ENGINE_SOURCE: settings?.engineSource,
    STARLING_ENGINE_SHA256_AMD64: settings?.engineSha256?.amd64,
    STARLING_ENGINE_SHA256_ARM64: settings?.engineSha256?.arm64,
    STARLING_IMDS_URL: settings?.imdsUrl,
  };
  const lines = Object.entries(values).flatMap(([name, value]) => (value ? [assignment(name, value)] : []));
  return { path: '/etc/starling/node.env', permissions: '0644', content: lines.join('') };
}

/** The file is read by bash, so nothing that bash gives a meaning may be in it. */
function assignment(name: string, value: string): string {
  if (!/^[A-Za-z0-9._:/+@%[\]-]+$/.test(value)) throw new Error(`${name} has characters that a shell would act on`);
  return `${name}=${value}\n`;
}

/** No passwords, no root, and no agent forwarding to machines that run other people's pods. */
function sshFiles(ssh: ClusterSpec['ssh']): NodeFile[] {
  if (!ssh) return [];
  const content = `Port ${ssh.port}\nPasswordAuthentication no\nPermitRootLogin no\nAllowAgentForwarding no\n`;
  return [{ path: '/etc/ssh/sshd_config.d/50-starling.conf', permissions: '0644', content }];
}

/** Ubuntu 24.04 listens through a socket, whose port comes from the server's configuration at a reload. */
const sshCommands = (ssh: ClusterSpec['ssh']): string[][] =>
  ssh
    ? [['systemctl', 'restart', 'ssh.socket']]
    : [
        ['systemctl', 'disable', '--now', 'ssh.socket', 'ssh.service'],
        ['systemctl', 'mask', 'ssh.socket', 'ssh.service'],
      ];
