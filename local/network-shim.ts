import net from 'node:net';

/** Where a public name leads on this machine: `host` is a name, or a suffix that starts with a dot. */
export interface Detour {
  host: string;
  port: number;
  toPort: number;
}

/**
 * Leads connections to Azure's public names to this machine's simulated Azure, below everything that the app does: it
 * keeps Azure's own names, TLS checks and allow lists. What has no detour connects as always.
 */
export function installDetours(detours: Detour[]): void {
  const connect = net.Socket.prototype.connect as (this: net.Socket, ...args: unknown[]) => net.Socket;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
    // `net.connect` hands on its normalised arguments as one array, `tls.connect` an object.
    const normalised = Array.isArray(args[0]) ? (args[0] as unknown[]) : undefined;
    const options = (normalised ? normalised[0] : args[0]) as { host?: string; port?: number | string } | undefined;
    const detour = detourFor(detours, options);
    if (!detour) return connect.apply(this, args);
    const changed = { ...options, host: '127.0.0.1', port: detour.toPort };
    if (normalised) normalised[0] = changed;
    else args[0] = changed;
    return connect.apply(this, args);
  } as typeof connect;
}

function detourFor(
  detours: Detour[],
  options: { host?: string; port?: number | string } | undefined,
): Detour | undefined {
  if (typeof options !== 'object' || typeof options?.host !== 'string') return undefined;
  const host = options.host.toLowerCase();
  const port = Number(options.port);
  return detours.find(
    (detour) =>
      detour.port === port && (detour.host.startsWith('.') ? host.endsWith(detour.host) : host === detour.host),
  );
}
