import { createConnection } from "node:net";
import { BindingError } from "@netbind/contract";
import { HeldDirectory, type HeldSocket } from "@netbind/remote/sidecar";
import { namesIn } from "@netbind/netns";
import { foreignDirectory } from "../errors.ts";

/** A sidecar of a pod, as the host recorded it. */
export interface PodSidecar {
  readonly binding: string;
  /** Its container, and the name of its directory. */
  readonly container: string;
}

/** Where a pod's sidecars show their sockets. */
export interface HookLocation {
  /** The pod's hooks directory, which is the host's; what is in a sidecar's own directory is the sidecar's. */
  readonly hooks: string;
  /** The user that the sidecars run as. */
  readonly uid: number;
}

/** Entries of a sidecar's directory that are looked at. */
const MOST_ENTRIES = 64;
const CONNECT_DEADLINE = 2000;

/** How a sidecar is named to a person. */
export const sidecarName = ({ binding, container }: PodSidecar): string =>
  `the sidecar of binding "${binding}" (container ${container})`;

/** A sidecar does what none may do: its VM is not started. */
export const refusedSidecar = (sidecar: PodSidecar, what: string, fix: string): BindingError =>
  new BindingError("PLUGIN_FAILED", `${sidecarName(sidecar)} ${what}`, fix);

/** The sidecar's directory and the names of its sockets; undefined where it is not there yet. */
function openSockets(
  { hooks }: HookLocation,
  sidecar: PodSidecar,
): { readonly held: HeldDirectory; readonly names: readonly string[] } | undefined {
  let held: HeldDirectory;
  try {
    held = HeldDirectory.open(hooks, [sidecar.container]);
  } catch {
    return undefined;
  }
  const entries = held.entries(MOST_ENTRIES);
  if (entries !== undefined)
    return { held, names: entries.filter((entry) => entry.isSocket()).map(({ name }) => name) };
  held[Symbol.dispose]();
  throw refusedSidecar(
    sidecar,
    `has more than ${MOST_ENTRIES} files in its hooks directory`,
    "keep files of its own in a sub-directory",
  );
}

/**
 * Holds the hook socket of a sidecar: no link is followed, and what is dialed is what was checked. Undefined where it
 * shows none yet.
 *
 * @throws BindingError where it shows more than one, or one that is not its own
 */
export function holdHookSocket(
  place: HookLocation,
  sidecar: PodSidecar,
): (HeldSocket & { readonly name: string }) | undefined {
  const found = openSockets(place, sidecar);
  if (found === undefined) return undefined;
  using held = found.held;
  const [name, ...others] = found.names;
  if (name === undefined) return undefined;
  if (others.length > 0)
    throw refusedSidecar(
      sidecar,
      `has ${found.names.length} hook sockets: ${found.names.map((one) => JSON.stringify(one)).join(", ")}`,
      "a container is one sidecar: let it make one socket in its hooks directory",
    );
  const socket = held.socket(name, place.uid);
  return { name, path: socket.path, descriptor: socket.descriptor, [Symbol.dispose]: () => socket[Symbol.dispose]() };
}

/** Directories beside those of a pod's sidecars: only the host makes one. @throws BindingError */
export function refuseOtherDirectories({ hooks }: HookLocation, sidecars: readonly PodSidecar[]): void {
  const known = new Set(sidecars.map(({ container }) => container));
  const other = namesIn(hooks).find((name) => !known.has(name));
  if (other === undefined) return;
  throw foreignDirectory(hooks, other);
}

/** True where something accepts on a socket: one without a listener is a dead sidecar's. */
export function isAccepting({ path }: HeldSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path);
    const end = (accepts: boolean): void => {
      connection.destroy();
      resolve(accepts);
    };
    connection.setTimeout(CONNECT_DEADLINE, () => end(false));
    connection.once("connect", () => end(true));
    connection.once("error", () => end(false));
  });
}
