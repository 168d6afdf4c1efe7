import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { HeldDirectory, type HeldSocket } from "@netbind/remote/sidecar";
import { missingSocket, untrustedSocket } from "../errors.ts";

/** Where the processes of other bindings serve: a directory for each, which is its own. */
export interface BindingSockets {
  /** A directory of directories: `<registered name>/binding.sock`. */
  readonly directory: string;
  /** The users that processes run as, and whose their directories may be, by registered name. Any other is root's. */
  readonly users: ReadonlyMap<string, number>;
  /** The bindings of this release in whose place a process is asked. */
  readonly overrides: ReadonlySet<string>;
}

const SOCKET = "binding.sock";
const ROOT = 0;
const WRITABLE_BY_OTHERS = 0o022;

/** A registered name is a map's key, and may be anything: one that can be a directory's has no way out of it. */
const canBeDirectory = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name);

/**
 * True where a process serves a binding, or is to serve it: its directory exists, or an option says that it overrides.
 */
export function isServedBeside({ directory, overrides }: BindingSockets, name: string, isOwn: boolean): boolean {
  if (isOwn) return overrides.has(name);
  return canBeDirectory(name) && existsSync(join(directory, name));
}

/** This release's bindings that have a directory here, and are not overridden: what is there is not asked. */
export const ignoredBeside = ({ directory, overrides }: BindingSockets, own: readonly string[]): readonly string[] =>
  own.filter((name) => !overrides.has(name) && existsSync(join(directory, name)));

/** A socket that was found, held, and what distinguishes it from another in its place. */
export interface FoundSocket extends HeldSocket {
  readonly identity: string;
}

/**
 * Finds the socket of a binding's process, in a directory that is the process' own: who else could write there would plan for
 * every VM of the binding.
 *
 * @throws NotReadyError where it is not there, BindingError UNAVAILABLE where the directory or the socket is another's
 */
export function findBindingSocket({ directory, users }: BindingSockets, name: string): FoundSocket {
  const place = join(directory, name);
  const uid = users.get(name) ?? ROOT;
  if (!existsSync(join(place, SOCKET))) throw missingSocket(name, join(place, SOCKET));
  using held = HeldDirectory.open(directory, [name]);
  const stat = held.stat();
  if (![ROOT, uid].includes(stat.uid) || (stat.mode & WRITABLE_BY_OTHERS) !== 0)
    throw untrustedSocket(name, place, { found: stat, uid });
  const socket = held.socket(SOCKET, uid);
  const { dev, ino } = statSync(socket.path);
  return { ...socket, path: socket.path, identity: `${dev}:${ino}` };
}
