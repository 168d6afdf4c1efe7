/** The errors of this package: one function for each cause, in the order of the alphabet, after the classes that they are of. */
import { BindingError } from "@netbind/contract";

/** Another process holds the lock. */
export class BusyError extends Error {
  override readonly name = "BusyError";
}

/** A path that leads through a directory of another user's. */
export class ForeignPathError extends Error {
  override readonly name = "ForeignPathError";
}

/** A control group cannot be used. */
export class GroupError extends Error {
  override readonly name = "GroupError";
}

/** This machine lets no sandbox be made. */
export class SandboxError extends Error {
  override readonly name = "SandboxError";
}

/** A variable of the environment has a value that it cannot have. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** A lock that another process holds. */
export const busy = (what: string): BusyError =>
  new BusyError(`${what} is busy: another netbind process is working on it`);

/** A file that cannot be locked. */
export const failedLock = (file: string, outcome: number | null): Error =>
  new Error(`flock ${file}: exit code ${outcome}`);

/** A path through another user's directory. */
export const foreignDirectory = (
  path: string,
  { directory, uid }: { readonly directory: string; readonly uid: number },
): ForeignPathError =>
  new ForeignPathError(`${path} is below ${directory}, which belongs to uid ${uid}: netbind changed nothing there`);

/** Another user's directory, or a link to one. */
export const foreignPath = (path: string, uid: number): ForeignPathError =>
  new ForeignPathError(`${path} belongs to uid ${uid}, or is a link of that user: netbind changed nothing there`);

/** What the system calls it, for those who look it up. */
const FULL = { ENOSPC: "no space left on device", EDQUOT: "disk quota exceeded" } as const;

/** A file that does not fit into its file system any more. */
export const fullFileSystem = (file: string, code: keyof typeof FULL, cause: Error): Error =>
  Object.assign(new Error(`${file} cannot be written: ${FULL[code]}: make room in its file system`, { cause }), {
    code,
  });

export const invalidKind = (kind: string): Error => new Error(`${JSON.stringify(kind)} does not name a kind of file`);

export const invalidPlace = (by: number): Error => new Error(`${by} is not a valid place in a list`);

/** A pod without its network's link. */
export const missingPodLink = (name: string): BindingError =>
  new BindingError(
    "POD_LINK_MISSING",
    `pod link "${name}" is not in the pod's namespace`,
    "check what the network's CNI plugin made",
  );

/** A machine without user namespaces, in which a container's users are its own. */
export const noContainer = (obstacles: readonly string[]): SandboxError =>
  new SandboxError(
    `this machine permits no user namespace, in which sidecars run from images: ${obstacles.join("; ")}`,
  );

/** A child that is started without the pipe of its filter. */
export const noFilterPipe = (descriptor: number): Error =>
  new Error(`the child has no pipe at descriptor ${descriptor}`);

/** A machine that permits no sandbox, with what is in the way. */
export const noSandbox = (obstacles: readonly string[]): SandboxError =>
  new SandboxError(`this machine permits no sandbox for services and sidecars: ${obstacles.join("; ")}`);

/** A directory of Netbind's that cannot be made or changed. */
export const readOnlyFileSystem = (directory: string, cause: Error): Error =>
  Object.assign(
    new Error(
      `${directory} is on a read-only file system: mount it read-write, or name others in NETBIND_STATE_DIR and NETBIND_CACHE_DIR`,
      { cause },
    ),
    { code: "EROFS" },
  );

/** A control group in a hierarchy that may only be read. */
export const readOnlyGroup = (group: string): GroupError =>
  new GroupError(`control group ${group} cannot be changed: its file system is mounted read-only: mount it read-write`);

/** A server that ends or does not listen; `said` is what it printed, and the limits that it may have met. */
export const serverNotStarted = (role: string, why: string, said: string): Error =>
  new Error(`the server ${role} did not start: ${why}: ${said}`);

/** A control group whose processes do not end. */
export const stubbornGroup = (group: string): Error =>
  new Error(`control group ${group} cannot be removed: its processes do not end`);

/** A level of the log that does not exist. */
export const unknownLevel = (variable: string, level: string, known: readonly string[]): SettingError =>
  new SettingError(`${variable} is ${JSON.stringify(level)}: name one of ${known.join(", ")}`);

/** A network that cannot be made again while its VM runs; `what` is missing. */
export const unrecoverableNetwork = (what: string): BindingError =>
  new BindingError("POD_LINK_MISSING", what, "stop the VM and start it again");
