import cliProgress from 'cli-progress';

/** Where the running app is, for a client without any knowledge of its insides. */
export interface AppAddress {
  appUrl: string;
  key: string;
}

interface Operation {
  id: string;
  state: string;
  phase: string;
  progress: { done: number; total: number; unit: string };
  error: { code: string; message: string } | null;
}

interface DemoEvent {
  id: string;
  type: string;
  message: string;
}

const POLL_MS = 300;
export const DEMO = 'demo';

const TITLES = { k3s: 'k3s', swarm: 'Docker Swarm' };
export type DemoEngine = keyof typeof TITLES;

interface DemoCluster {
  spec: { engine: DemoEngine };
  operation: string | null;
}

export interface DemoWish {
  /** undefined where nothing was said. */
  engine?: DemoEngine;
  /** Takes its place then. */
  defaultEngine: DemoEngine;
  /** Of a swarm, where machines can have no other. */
  dockerVersion?: string;
}

/**
 * Deploys the demo cluster, or finds it, and shows live how it comes up. Resolves to whether it is ready. One that is there
 * stays as it is, whatever engine is wished.
 */
export async function showDemo(app: AppAddress, say: (line: string) => void, wish: DemoWish): Promise<boolean> {
  const before = await call(app, 'GET', `/api/clusters/${DEMO}`);
  if (before.status !== 200 && before.status !== 404)
    throw new Error(`the demo cluster cannot be looked at: ${JSON.stringify(before.body)}`);
  const id = before.status === 404 ? await deploy(app, say, wish) : found(before.body as DemoCluster, say, wish.engine);
  return id ? follow(app, id, say) : true;
}

async function deploy(
  app: AppAddress,
  say: (line: string) => void,
  { defaultEngine, engine = defaultEngine, dockerVersion }: DemoWish,
): Promise<string> {
  const version = engine === 'swarm' ? dockerVersion : undefined;
  const deployed = await call(app, 'PUT', `/api/clusters/${DEMO}`, { engine, version, location: 'westeurope' });
  if (deployed.status >= 300) throw new Error(`the demo cluster was refused: ${JSON.stringify(deployed.body)}`);
  say(`Deploying cluster ${DEMO}: 1 master, 3 agents, ${TITLES[engine]}, westeurope`);
  return (deployed.body as Operation).id;
}

/** The id of what is under way with it. */
function found({ spec, operation }: DemoCluster, say: (line: string) => void, wished?: DemoEngine): string | null {
  say(`Found cluster ${DEMO}, ${TITLES[spec.engine]}`);
  if (wished && wished !== spec.engine)
    say(
      `It was deployed with another engine than ${TITLES[wished]}: npm start -- --reset --engine ${wished} forgets everything and deploys anew`,
    );
  return operation;
}

/** Shows every event and resource as a line and the operation's progress as a bar below them, until it ends. */
async function follow(app: AppAddress, id: string, say: (line: string) => void): Promise<boolean> {
  const bar = createBar(say);
  const shown = new Set<string>();
  let since = '';
  for (;;) {
    const operation = (await call(app, 'GET', `/api/operations/${id}`)).body as Operation;
    for (const line of await newResources(app, shown)) bar.line(line);
    const events =
      (
        (
          await call(
            app,
            'GET',
            `/api/clusters/${DEMO}/events?limit=500${since && `&since=${encodeURIComponent(since)}`}`,
          )
        ).body as { events?: DemoEvent[] }
      ).events ?? [];
    for (const event of events.filter(({ type }) => !type.startsWith('azure.'))) bar.line(`  ${event.message}`);
    since = events.at(-1)?.id ?? since;
    bar.update(operation);
    if (operation.state !== 'running') {
      bar.stop();
      if (operation.error) say(`${operation.error.code}: ${operation.error.message}`);
      return operation.state === 'succeeded';
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function newResources(app: AppAddress, shown: Set<string>): Promise<string[]> {
  const answer = await call(app, 'GET', `/api/clusters/${DEMO}/deployment`);
  const operations = (answer.body as { operations?: { name: string; type: string; state: string }[] }).operations ?? [];
  const finished = operations.filter(({ name, type, state }) => state !== 'running' && !shown.has(`${type}/${name}`));
  for (const { name, type } of finished) shown.add(`${type}/${name}`);
  return finished.map(({ name, type, state }) => `  ${type.split('/').slice(1).join('/')} ${name}: ${state}`);
}

interface Bar {
  line(text: string): void;
  update(operation: Operation): void;
  stop(): void;
}

/** A bar where there is a terminal; a line for each change where there is none. */
function createBar(say: (line: string) => void): Bar {
  if (!process.stdout.isTTY) return plainBar(say);
  const bars = new cliProgress.MultiBar(
    { format: '{phase} {bar} {value}/{total} {unit}', hideCursor: true, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  );
  const bar = bars.create(1, 0, { phase: 'starting', unit: '' });
  return {
    line: (text) => bars.log(`${text}\n`),
    update({ phase, progress: { done, total, unit } }) {
      bar.setTotal(total);
      bar.update(done, { phase, unit });
    },
    stop: () => bars.stop(),
  };
}

function plainBar(say: (line: string) => void): Bar {
  let last = '';
  return {
    line: say,
    update({ phase, progress: { done, total, unit } }) {
      const text = `[${done}/${total} ${unit}] ${phase}`;
      if (text !== last) say((last = text));
    },
    stop: () => undefined,
  };
}

async function call(
  { appUrl, key }: AppAddress,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${appUrl}${path}`, {
    method,
    headers: { 'x-functions-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? (JSON.parse(text) as unknown) : undefined };
}
