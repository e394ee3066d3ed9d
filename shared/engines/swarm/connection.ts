import { Agent } from 'node:https';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import type { EngineAccess } from '../../ports';
import { keepConnections } from '../kept-connections';
import { isSilence } from './errors';

/** A daemon that has not answered by then is treated as gone; a list of 1000 nodes takes less than a second. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Calls of one operation run beside each other; a master of the smallest size bears this many. */
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 60_000;

/**
 * The Engine API of a swarm: dockerode, whose every call goes to the master that answered last, and to the next one while that
 * does not. So each call may be carried out twice: a write must bear that, by the version that it names or by its nature.
 * Paths carry no version of the API: each daemon speaks its newest.
 */
export type SwarmClient = Docker;

/** The swarm that these masters manage, each reached by its own report. */
export const connectSwarm = keepConnections((reports: EngineAccess[]): SwarmClient => {
  const client = new Docker({ host: 'localhost' }); // never dialled: its way out is replaced
  client.modem.dial = inTurn(reports.map((report) => doorOf(report).modem));
  return client;
});

type Modem = Docker['modem'];
type Dial = Modem['dial'];
type Request = Parameters<Dial>[0];
type Answer = Parameters<NonNullable<Parameters<Dial>[1]>>[1];

/** `ca` replaces the public roots: only that master's own CA is trusted. The name checked is the endpoint's host. */
function doorOf({ endpoint, caPem, credential }: EngineAccess): Docker {
  const { hostname, port } = new URL(endpoint);
  const agent = new Agent({
    ca: caPem,
    cert: credential, // certificate and key: each finds its own block
    key: credential,
    rejectUnauthorized: true,
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    timeout: IDLE_SOCKET_MS,
  });
  // The modem writes every request out for its debug log, also when nobody reads that: no key may be in it.
  const options = { host: hostname, port, protocol: 'https' as const, agent: Object.assign(agent, QUIET) };
  return new Docker(options);
}

const QUIET = { [inspect.custom]: () => 'agent' };

function inTurn(modems: Modem[]): Dial {
  let answering = 0; // stays with the master that answered last
  const dialInTurn = async (request: Request): Promise<Answer> => {
    const first = answering;
    for (let failures = 0; ; failures++) {
      const asked = (first + failures) % modems.length;
      try {
        const answer = await exchange(modems[asked] as Modem, request);
        answering = asked;
        return answer;
      } catch (error) {
        if (!isSilence(error) || failures + 1 >= modems.length) throw error;
      }
    }
  };
  return (request, answer) =>
    void dialInTurn(request).then(
      (data) => answer?.(null, data),
      (error: Error) => answer?.(error, null),
    );
}

/** With a deadline of its own: of an answer that breaks off the modem never tells. */
function exchange(modem: Modem, request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const abortSignal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const late = (): void => reject(Object.assign(new Error('no answer in time'), { name: 'TimeoutError' }));
    abortSignal.addEventListener('abort', late, { once: true });
    modem.dial({ ...request, abortSignal }, (error, data) => (error ? reject(error) : resolve(data)));
  });
}
