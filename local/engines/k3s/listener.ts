import { createServer, type Server } from 'node:https';
import { exchange } from '../https-exchange';
import type { K3s } from './k3s';

/** One TLS listener for every master of every cluster: the name that the client asks for chooses, as a public IP address does. */
export function createK3sListener(k3s: K3s): Server {
  const listener = createServer({
    SNICallback(serverName, done) {
      const context = k3s.tlsContextFor(serverName);
      if (context) done(null, context);
      else done(new Error(`nothing answers at ${serverName}`)); // the client sees a reset connection
    },
  });
  listener.on('request', (request, response) => {
    exchange(request, response, k3s.handle).catch(() => response.destroy()); // the client went away, or sees that we failed
  });
  return listener;
}
