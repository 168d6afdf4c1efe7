/**
 * Files by path, in directories of root's alone: the one module that opens, makes, renames or removes anything of a VM's by path.
 * A directory of a VM's user, and what a link of its leads to, is another matter: what is done there is done by descriptor
 * (HeldDirectory), by that user, or not at all.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Exec } from "../exec/exec.ts";
import { foreignDirectory, foreignPath, readOnlyFileSystem } from "../errors.ts";

const isForeign = (uid: number): boolean => uid !== 0 && uid !== process.geteuid?.();

/**
 * Sees that everything on the way to a path is root's, and gives the path. What is at its end may be another user's: who owns
 * it cannot put another thing in its place.
 *
 * @throws ForeignPathError
 */
export function ownPath(path: string): string {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const found = lstatSync(directory, { throwIfNoEntry: false });
    // A link of root's is an administrator's way to another place.
    if (found !== undefined && isForeign(found.uid)) throw foreignDirectory(path, { directory, uid: found.uid });
    if (directory === dirname(directory)) return path;
  }
}

export const exists = (path: string): boolean => existsSync(ownPath(path));
export const readText = (path: string): string => readFileSync(ownPath(path), "utf8");
/** The names in a directory of root's; none where there is no such directory. */
export const namesIn = (directory: string): readonly string[] =>
  exists(join(directory, ".")) ? readdirSync(directory) : [];

/**
 * Of all directories in a directory of root's that are root's too, the files of a name that have a text in them, each whole. For
 * many: what is on the way to all of them is looked at once.
 */
export function filesWith(directory: string, file: string, text: string): readonly string[] {
  const wanted = Buffer.from(text);
  return namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    try {
      const content = isForeign(lstatSync(path).uid) ? undefined : readFileSync(join(path, file));
      return content?.includes(wanted) === true ? [content.toString()] : [];
    } catch {
      // What cannot be read has no such text.
      return [];
    }
  });
}

/** True where a file system is mounted on a directory of root's. */
export function isMountPoint(path: string): boolean {
  const found = statSync(ownPath(path), { throwIfNoEntry: false });
  return found !== undefined && found.dev !== statSync(dirname(path)).dev;
}

/** Writes a file with just this mode, whatever the caller's umask. */
export function writeText(path: string, text: string | Buffer, mode: number): void {
  writeFileSync(ownPath(path), text, { mode });
  chmodSync(path, mode);
}

/** Writes a file where none is. */
export function writeNew(path: string, text: string, mode: number): void {
  writeFileSync(ownPath(path), text, { mode, flag: "wx" });
  chmodSync(path, mode);
}

/** Opens a log to which it is only added. The descriptor is the caller's to close. */
export const openLog = (path: string): number => openSync(ownPath(path), "a", 0o600);

/**
 * Makes a directory and those above it that are not there. Node's own way (`recursive`) never returns where the file system
 * has no place for new directories, such as /proc.
 */
function makeWithParents(path: string, mode?: number): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && (found.isDirectory() || (found.isSymbolicLink() && statSync(path).isDirectory()))) return;
  if (dirname(path) !== path) makeWithParents(dirname(path));
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another start of netbind may make the same directory meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !statSync(path).isDirectory()) throw error;
  }
}

/**
 * Makes a directory of root's that others may pass through. One that is there is taken where it is root's, and so is a link
 * that leads to it: in a directory such as /tmp another may have been first.
 *
 * @throws ForeignPathError
 */
export function makeDirectory(path: string, mode = 0o711): void {
  try {
    makeWithParents(ownPath(path));
    for (const { uid } of [lstatSync(path), statSync(path)]) if (isForeign(uid)) throw foreignPath(path, uid);
    chmodSync(path, mode);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EROFS" ? readOnlyFileSystem(path, error as Error) : error;
  }
}

/** Makes a directory of a user's in one of root's, where it is not there yet. From then on nothing in it is reached by path. */
export function makeUserDirectory(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  makeWithParents(ownPath(path), 0o700);
  chownSync(path, uid, gid);
}

/** A directory that is made for a user before it is the user's: no other user looks into it until then. */
export class UserTree {
  readonly path: string;
  readonly #made: string[];

  /** @throws Error where there is one already */
  constructor(path: string) {
    mkdirSync(ownPath(path), { mode: 0o700 });
    this.path = path;
    this.#made = [path];
  }

  makeDirectory(...components: readonly string[]): void {
    for (const at of components.keys()) {
      const path = join(this.path, ...components.slice(0, at + 1));
      if (this.#made.includes(path)) continue;
      mkdirSync(ownPath(path), { mode: 0o700 });
      this.#made.push(path);
    }
  }

  writeText(text: string, ...components: readonly string[]): void {
    const path = join(this.path, ...components);
    writeNew(path, text, 0o600);
    this.#made.push(path);
  }

  /** Copies a file of the administrator's. */
  copy(source: string, ...components: readonly string[]): void {
    const path = join(this.path, ...components);
    copyFileSync(source, ownPath(path));
    this.#made.push(path);
  }

  /** Gives all of it to its user: what is deepest first, so that the user comes nowhere before root is done there. */
  giveTo({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
    for (const path of [...this.#made].reverse()) chownSync(ownPath(path), uid, gid);
  }
}

/** Lets a group read a file that stays root's. */
export function shareFile(path: string, gid: number): void {
  chownSync(ownPath(path), 0, gid);
  chmodSync(path, 0o440);
}

/** Copies a file of the administrator's, wherever that is. */
export function installFile(from: string, to: string, mode: number): void {
  copyFileSync(from, ownPath(to));
  chmodSync(to, mode);
}

export function rename(from: string, to: string): void {
  renameSync(ownPath(from), ownPath(to));
}

/** Removes a file, or a link itself; nothing where there is none. */
export function removeFile(path: string): void {
  rmSync(ownPath(path), { force: true });
}

/** A VM's user may have made as many files as there is memory for: a million take half a minute. */
const REMOVE_DEADLINE = 10 * 60_000;

const REMOVE = ["rm", "--recursive", "--force", "--one-file-system", "--"] as const;

/**
 * Removes a directory of root's with all its content, whatever its owner. rm(1) works by descriptors: a link that takes a
 * directory's place meanwhile is removed, not followed.
 */
export const removeTree = (exec: Exec, path: string): Promise<void> => removeTrees(exec, [path]);

/** The same, one after the other in their order; of what is not there, nothing. */
export async function removeTrees(exec: Exec, paths: readonly string[]): Promise<void> {
  const there = paths.filter((path) => lstatSync(ownPath(path), { throwIfNoEntry: false }) !== undefined);
  if (there.length === 0) return;
  await exec([...REMOVE, ...there], { deadline: REMOVE_DEADLINE });
}

/** A process may have something of it open. Only where one has, all of the machine's mounts are read. */
const REMOVE_AND_UNMOUNT = `place=$1
shift
"$@" && { umount -- "$place" 2> /dev/null || umount --lazy -- "$place"; }`;

/** Removes what is in the file system that is mounted on a directory of root's, and takes it from there; nothing where none is. */
export async function removeMounted(exec: Exec, path: string): Promise<void> {
  const content = (): readonly string[] => namesIn(path).map((name) => join(path, name));
  // What is mounted twice is there again.
  while (isMountPoint(path))
    await exec(["sh", "-c", REMOVE_AND_UNMOUNT, "sh", path, ...REMOVE, ...content()], { deadline: REMOVE_DEADLINE });
}
