import type { AppWorker, DurableHub, FunctionMetadata } from '../contract';
import { parseJson, pathSegments, readBody, type Exchange, type Reply } from './exchange';
import type { HostKeys, SystemKeyName } from './keys';
import type { Route } from './routes';

export interface AdminContext {
  /** With its disabled functions, unlike everywhere else. */
  worker: AppWorker;
  hub: DurableHub;
  keys: HostKeys;
  routes: readonly Route[];
  origin: () => string;
  isDisabled: (functionName: string) => boolean;
  /** Begins one run out of turn. Only for timer functions that are enabled. */
  runTimer: (functionName: string) => void;
}

/** The routes below `/admin/`. The master key has been checked by then. */
export async function answerAdmin(context: AdminContext, exchange: Exchange): Promise<Reply> {
  const [, area = '', ...rest] = pathSegments(exchange.url.pathname);
  if (area.toLowerCase() === 'functions') return answerFunctions(context, exchange, rest);
  if (area.toLowerCase() !== 'host') return { status: 404 };
  if (exchange.method === 'POST' && rest.join('/').toLowerCase() === 'ping') return { status: 200 };
  return exchange.method === 'GET' ? answerHost(context, rest) : { status: 404 };
}

function answerHost(context: AdminContext, [what = '', name = '']: string[]): Reply {
  switch (what.toLowerCase()) {
    case 'ping':
      return { status: 200 };
    case 'status':
      return { status: 200, body: hostStatus(context) };
    case 'poison':
      return { status: 200, body: { poison: context.hub.poison() } };
    case 'keys':
      return { status: 200, body: { keys: [{ name: 'default', value: context.keys.default }], links: [] } };
    case 'systemkeys':
      return systemKeys(context, name.toLowerCase());
    default:
      return { status: 404 };
  }
}

function hostStatus({ worker, hub }: AdminContext): object {
  return {
    id: 'local',
    state: 'Running',
    version: '4',
    processUptime: Math.round(process.uptime() * 1000),
    functions: worker.functions.length,
    durable: hub.statistics(),
    memory: process.memoryUsage(),
  };
}

/** Without a name: all of them. */
function systemKeys({ keys }: AdminContext, name: string): Reply {
  const all = Object.entries({ ...keys.systemKeys }).map(([key, value]) => ({ name: key, value }));
  if (name === '') return { status: 200, body: { keys: all, links: [] } };
  if (name === '_master') return { status: 200, body: { name, value: keys.master } };
  const value = keys.systemKeys[name as SystemKeyName] as string | undefined;
  return value === undefined ? { status: 404 } : { status: 200, body: { name, value } };
}

async function answerFunctions(context: AdminContext, exchange: Exchange, [name]: string[]): Promise<Reply> {
  const { worker } = context;
  if (name === undefined) {
    if (exchange.method !== 'GET') return { status: 404 };
    return { status: 200, body: worker.functions.map((item) => describe(context, item)) };
  }
  const found = worker.find(name);
  if (!found) return { status: 404 };
  if (exchange.method === 'GET') return { status: 200, body: describe(context, found) };
  return exchange.method === 'POST' ? runNow(context, exchange, found) : { status: 404 };
}

function describe({ routes, origin, isDisabled }: AdminContext, item: FunctionMetadata): object {
  const route = routes.find(({ functionName }) => functionName === item.name);
  return {
    name: item.name,
    language: 'node',
    isDisabled: isDisabled(item.name),
    config: { bindings: Object.entries(item.bindings).map(([name, binding]) => ({ name, ...binding })) },
    ...(route && { invoke_url_template: `${origin()}/${route.template.text}` }),
  };
}

async function runNow(context: AdminContext, exchange: Exchange, target: FunctionMetadata): Promise<Reply> {
  parseJson((await readBody(exchange.request)).toString('utf8')); // `{"input": …}`: a timer has no use for it
  if (target.trigger.type !== 'timerTrigger') {
    return { status: 400, body: { Message: `'${target.name}' is no timer function; only those can be run here.` } };
  }
  if (context.isDisabled(target.name)) return { status: 400, body: { Message: `'${target.name}' is disabled.` } };
  context.runTimer(target.name);
  return { status: 202 };
}
