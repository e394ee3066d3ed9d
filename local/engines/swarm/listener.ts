import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { exchange } from '../https-exchange';
import type { Swarm } from './swarm';

/**
 * One TLS listener for the daemons of every manager of every cluster: the name that the client asks for chooses the
 * certificate, and the authority that must have signed the client's, as `dockerd --tlsverify` does for one.
 */
export function createSwarmListener(swarm: Swarm): Server {
  const listener = createServer({
    requestCert: true,
    rejectUnauthorized: true, // the client sees a reset connection, as it does with a name at which nothing answers
    SNICallback(serverName, done) {
      const context = swarm.tlsContextFor(serverName);
      if (context) done(null, context);
      else done(new Error(`nothing answers at ${serverName}`));
    },
  });
  listener.on('request', (request, response) => {
    const { raw } = ((request.socket as TLSSocket).getPeerCertificate() ?? {}) as { raw?: Buffer };
    const answered = exchange(request, response, (serverName, asked) => swarm.handle(serverName, raw, asked));
    answered.catch(() => response.destroy()); // the client went away, or sees that we failed
  });
  return listener;
}
