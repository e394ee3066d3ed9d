/** What the process ends with; docs/cli.md explains each. Scripts branch on these, so they never change their meaning. */
export const EXIT = {
  ok: 0,
  /** The operation ended as failed or cancelled, or something went wrong inside Starling. */
  failed: 1,
  /** Wrong usage, an invalid request, or a confirmation that was not given. */
  usage: 2,
  notFound: 3,
  /** Another operation runs, or the state of the cluster does not allow it. */
  conflict: 4,
  /** No key, a wrong one, or a sign-in that was refused. */
  refused: 5,
  /** Nobody answers, or not now. */
  unavailable: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** 404 → not found, and so on; `failed` for whatever is nobody's fault but the server's. */
export function exitOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.refused;
  if (status === 404) return EXIT.notFound;
  if (status === 409 || status === 412) return EXIT.conflict;
  if (status === 429 || (status > 500 && status < 600)) return EXIT.unavailable;
  return status >= 400 && status < 500 ? EXIT.usage : EXIT.failed;
}
