import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { virtualClock, type VirtualClock } from '../../local/clock';
import { createK3s, type K3s } from '../../local/engines/k3s/k3s';
import { createK3sListener } from '../../local/engines/k3s/listener';
import { createScheduler } from '../../local/scheduler';
import { memoryStore } from '../../local/store';
import { connectEngine } from '../../shared/engines/connect';
import type { EngineAccess, EnginePort } from '../../shared/ports';
import { serverStart, START } from './k3s-fixture';

/** A master that answers at this machine's own name, so that the adapter under test is used without any exception. */
export const MASTER_FQDN = 'localhost';

export interface EngineFixture {
  clock: VirtualClock;
  k3s: K3s;
  listener: Server;
  access: EngineAccess;
  engine: EnginePort;
  close(): Promise<void>;
}

/** The adapter, connected to one initialised master, and a clock that the test moves. */
export async function engineFixture(): Promise<EngineFixture> {
  const clock = virtualClock(START);
  const store = memoryStore();
  const errors: unknown[] = [];
  const scheduler = createScheduler(store, clock, (error) => errors.push(error));
  const k3s = createK3s({ store, clock, scheduler, log: () => undefined });
  scheduler.start();
  await k3s.initialise({ ...serverStart(0), fqdn: MASTER_FQDN });
  await clock.advance(10_000);
  const listener = createK3sListener(k3s);
  await new Promise<void>((resolve) => listener.listen(0, MASTER_FQDN, resolve));
  const identity = k3s.identityOf(MASTER_FQDN)!;
  const { port } = listener.address() as AddressInfo;
  const endpoint = `https://${MASTER_FQDN}:${port}`;
  const access = { endpoint, caPem: identity.ca, credential: identity.credential };
  return {
    ...{ clock, k3s, listener, access, engine: connectEngine('k3s', [access]) },
    async close() {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
      store.close();
      if (errors.length > 0) throw errors[0];
    },
  };
}
