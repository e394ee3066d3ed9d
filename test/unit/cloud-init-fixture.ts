import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { NodeEngine } from '../../cloud-init/files';
import { LIBRARY } from '../../cloud-init/node-file';

/** The nodes' scripts as they are, in bash, against a small server that is both metadata service and Starling. */

export const BOOT_ID = '0b1c7a52-6d6f-4c39-9d37-6f0d5f1f8a11';

export type Answer = { status: number; body?: unknown; retryAfter?: number } | 'drop';

/** What a test plans and what it sees; new for each test. */
export const node = {
  root: '',
  url: '',
  instanceName: '',
  /** Answers of Starling to POSTs in turn; the last one stays. */
  answers: [] as Answer[],
  posted: [] as { path: string; claims: string; attestation: string }[],
  nonces: [] as string[],
  metadataHeaders: [] as (string | undefined)[],
  /** Downloads by path. */
  files: {} as Record<string, string>,
  /** Documents of scheduled events in turn; the last one stays. A number is a failure with that status. */
  events: [] as (object[] | number)[],
  /** Bodies of approvals, and the statuses that they get in turn; then 200. */
  approvals: [] as unknown[],
  approvalAnswers: [] as number[],
};

/** This machine's own address is one at which a test can listen. */
const NETWORK = { interface: [{ ipv4: { ipAddress: [{ privateIpAddress: '127.0.0.1', publicIpAddress: '' }] } }] };

let server: Server;

/** For each test of a file a machine of its own: an agent, unless the test says otherwise. */
export function useNode(): void {
  beforeEach(async () => {
    Object.assign(node, { answers: [], posted: [], nonces: [], metadataHeaders: [], files: {} });
    Object.assign(node, { events: [], approvals: [], approvalAnswers: [], instanceName: 'agents_3' });
    node.root = mkdtempSync(join(tmpdir(), 'starling-node-'));
    server = createServer((request, response) => {
      void answer(request).then((reply) => {
        if (reply === 'drop') return request.socket.destroy();
        if (reply.retryAfter !== undefined) response.setHeader('Retry-After', String(reply.retryAfter));
        response.statusCode = reply.status;
        return response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}));
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    put('etc/starling/boot-id', `${BOOT_ID}\n`);
    environment('agent');
    installScripts('k3s');
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    rmSync(node.root, { recursive: true, force: true });
  });
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '', node.url);
  if (pathname.startsWith('/metadata/')) node.metadataHeaders.push(request.headers.metadata as string | undefined);
  if (pathname === '/metadata/scheduledevents') return scheduledEvents(request);
  if (pathname === '/metadata/instance')
    return { status: 200, body: { compute: { name: node.instanceName, userData: 'a\n"' }, network: NETWORK } };
  if (pathname === '/metadata/attested/document') {
    const nonce = searchParams.get('nonce') ?? '';
    node.nonces.push(nonce);
    return { status: 200, body: { encoding: 'pkcs7', signature: Buffer.from(nonce).toString('base64') } };
  }
  if (request.method === 'GET') {
    const file = node.files[decodeURIComponent(pathname)];
    return file === undefined ? { status: 404 } : { status: 200, body: file };
  }
  const body = JSON.parse(await textOf(request)) as { claims: string; attestation: string };
  node.posted.push({ path: pathname, ...body });
  return next(node.answers) ?? { status: 500 };
}

async function scheduledEvents(request: IncomingMessage): Promise<Answer> {
  if (request.method === 'POST') {
    node.approvals.push(JSON.parse(await textOf(request)));
    return { status: node.approvalAnswers.shift() ?? 200, body: '' };
  }
  const events = next(node.events) ?? [];
  return typeof events === 'number'
    ? { status: events }
    : { status: 200, body: { DocumentIncarnation: 1, Events: events } };
}

const next = <T>(planned: T[]): T | undefined => (planned.length > 1 ? planned.shift() : planned[0]);

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

export const at = (path: string): string => join(node.root, path);
export const read = (path: string): string => readFileSync(at(path), 'utf8');
export const modeOf = (path: string): string => (statSync(at(path)).mode & 0o777).toString(8);

export function put(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content, { mode });
}

export function environment(role: 'agent' | 'master', more: Record<string, string> = {}): void {
  const values = {
    STARLING_URL: node.url,
    STARLING_CLUSTER: 'demo',
    STARLING_ROLE: role,
    STARLING_ENGINE: 'k3s',
    STARLING_ENGINE_VERSION: 'v1.36.2+k3s1',
    STARLING_IMDS_URL: node.url,
    ...more,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  put('etc/starling/node.env', lines.join(''));
}

/** What starling-install.sh asks for on this machine. */
export const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
export const BINARY_FILE = ARCHITECTURE === 'arm64' ? 'k3s-arm64' : 'k3s';

/** Puts a release of the engine with its checksum below `/releases`; gives its binary. */
export function offerRelease(version: string): string {
  const binary = `#!/bin/sh\necho ${version}\n`;
  const digest = createHash('sha256').update(binary).digest('hex');
  node.files[`/releases/${version}/${BINARY_FILE}`] = binary;
  node.files[`/releases/${version}/sha256sum-${ARCHITECTURE}.txt`] =
    `${'0'.repeat(64)}  k3s-airgap-images.tar\n${digest}  ${BINARY_FILE}\n`;
  return binary;
}

/** A command that records how it was called, and prints what the test gives it. */
export function recorder(name: string, body = ''): string {
  put(`bin/${name}`, `#!/bin/bash\necho "$*" >>"${at(`bin/${name}.calls`)}"\n${body}\n`, 0o755);
  return at(`bin/${name}`);
}

export const callsOf = (name: string): string[] =>
  existsSync(at(`bin/${name}.calls`)) ? read(`bin/${name}.calls`).trim().split('\n') : [];

export interface Run {
  status: number | null;
  output: string;
}

export const SCRIPTS = join(__dirname, '../../cloud-init/scripts');

/** The shared scripts and those of one engine. As files: Jest takes the first line from what is imported. */
export const scriptsOf = (engine: NodeEngine): string[] =>
  [SCRIPTS, join(SCRIPTS, engine)].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.sh'))
      .map((name) => join(folder, name)),
  );

/** As cloud-init puts them there. */
export function installScripts(engine: NodeEngine): void {
  for (const path of scriptsOf(engine)) put(join(LIBRARY, basename(path)), readFileSync(path, 'utf8'), 0o755);
}

/** Runs a script with words after its name as its arguments. */
export function run(script: string, env: Record<string, string> = {}): Promise<Run> {
  const [name = '', ...words] = script.split(' ');
  const child = spawn('bash', [at(join(LIBRARY, name)), ...words], {
    env: {
      PATH: process.env['PATH'],
      STARLING_ROOT: node.root,
      STARLING_BOOT_ID_FILE: at('etc/starling/boot-id'),
      STARLING_HOSTNAME: 'agents000003',
      STARLING_RETRY_BASE_MS: '10',
      STARLING_POLL_SECONDS: '0.01',
      STARLING_CONNECT_SECONDS: '0.2',
      STARLING_SYSTEMCTL: existsSync(at('bin/systemctl')) ? at('bin/systemctl') : recorder('systemctl'),
      ...env,
    },
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  return new Promise((ended) => child.on('close', (status) => ended({ status, output })));
}
