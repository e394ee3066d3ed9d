import { answerAdmin, type AdminContext } from './admin';
import { callHttpFunction, type CallContext } from './call-function';
import { answerDurable } from './durable-api';
import type { DurableApiContext } from './durable-call';
import { answerEventGrid } from './event-grid';
import { openExchange, pathSegments, Refusal, send, type Exchange, type Reply } from './exchange';
import { homePage } from './home-page';
import { holdsKey, type HostKeys } from './keys';
import type { RequestHandler } from './listener';
import { matchRoute, type AuthLevel, type Route } from './routes';
import type { Settings } from '../settings';

export interface FrontContext {
  calls: CallContext;
  durable: DurableApiContext;
  admin: AdminContext;
  routes: readonly Route[];
  keys: HostKeys;
  settings: Settings;
}

const NOT_RUNNING: Reply = { status: 503, body: 'Function host is not running.' };
const UNAUTHORIZED: Reply = { status: 401 };

/** Everything that callers see. Until `ready` gives a context, and again once it gives none, the answer is 503. */
export function publicHandler(ready: () => FrontContext | undefined): RequestHandler {
  return guarded(ready, async (context, exchange) => {
    const reply = await answer(context, exchange);
    if (reply) send(exchange.response, reply);
  });
}

/**
 * The durable API for the SDK in the app's process, without a key in the query, since the SDK sends none. The path begins
 * with a secret that only the binding carries: other programs of this machine, and web pages in its browser, do not know it.
 * Calls made before the host is ready wait for it: work that the Durable engine resumes at its start may come that early.
 */
export function rpcHandler(ready: Promise<FrontContext>, secret: string): RequestHandler {
  const base = `/${secret}/durabletask/`;
  return guarded(
    () => ready,
    async (context, exchange) => {
      const { pathname } = exchange.url;
      const known = pathname.startsWith(base);
      send(
        exchange.response,
        known ? await answerDurable(context.durable, exchange, pathname.slice(base.length)) : { status: 404 },
      );
    },
  );
}

type Answering = (context: FrontContext, exchange: Exchange) => Promise<void>;

/** The outermost edge: whatever escapes is logged and becomes a 500 without a word. */
function guarded(ready: () => Promise<FrontContext> | FrontContext | undefined, handle: Answering): RequestHandler {
  return async (request, response) => {
    const context = await ready();
    if (!context) return send(response, NOT_RUNNING);
    try {
      await handle(context, openExchange(request, response));
    } catch (error) {
      if (error instanceof Refusal) return send(response, error.reply);
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      context.calls.log({ level: 'error', category: 'Host.Http', message: `${request.method} failed: ${text}` });
      send(response, { status: 500 });
    }
  };
}

/** Nothing when the answer has been sent already. */
async function answer(context: FrontContext, exchange: Exchange): Promise<Reply | undefined> {
  const { pathname } = exchange.url;
  const webhook = /^\/runtime\/webhooks\/([^/]+)(?:\/(.*))?$/i.exec(pathname);
  if (webhook)
    return answerWebhook(context, exchange, { extension: webhook[1]!.toLowerCase(), path: webhook[2] ?? '' });
  if (/^\/admin(\/|$)/i.test(pathname)) {
    return holdsKey(exchange, [context.keys.master]) ? answerAdmin(context.admin, exchange) : UNAUTHORIZED;
  }
  const match = matchRoute(context.routes, exchange.method, pathSegments(pathname));
  if (!match) return pathname === '/' && exchange.method === 'GET' ? homePage(context.settings) : { status: 404 };
  if (!isAllowed(exchange, match.route.authLevel, context.keys)) return UNAUTHORIZED;
  return void (await callHttpFunction(context.calls, exchange, match));
}

function isAllowed(exchange: Exchange, level: AuthLevel, keys: HostKeys): boolean {
  if (level === 'anonymous') return true;
  return holdsKey(exchange, level === 'admin' ? [keys.master] : [keys.default, keys.master]);
}

interface Webhook {
  extension: string;
  path: string;
}

async function answerWebhook(context: FrontContext, exchange: Exchange, { extension, path }: Webhook): Promise<Reply> {
  const { master, systemKeys } = context.keys;
  if (extension === 'eventgrid') {
    const allowed = holdsKey(exchange, [systemKeys.eventgrid_extension, master]);
    return allowed ? answerEventGrid(context.calls, exchange) : UNAUTHORIZED;
  }
  if (extension !== 'durabletask') return { status: 404 };
  const allowed = holdsKey(exchange, [systemKeys.durabletask_extension, master]);
  return allowed ? answerDurable(context.durable, exchange, path) : UNAUTHORIZED;
}
