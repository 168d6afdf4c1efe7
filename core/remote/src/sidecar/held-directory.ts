import {
  closeSync,
  constants,
  type Dirent,
  fchmodSync,
  fstatSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { BindingError } from "@netbind/contract";
import { missingEntry, untrusted } from "../errors.ts";

/** Opens the place itself, neither to read nor to write (open(2)); Node has no name for it. */
const O_PATH = 0o10000000;

/** A socket that is held open as a place: what is dialed is what was checked. */
export interface HeldSocket extends Disposable {
  /** Where this process dials it. */
  readonly path: string;
  readonly descriptor: number;
}

/** Opens an entry of a directory, and never what a link leads to. */
function openEntry(directory: number, name: string, flags: number): number {
  try {
    return openSync(`/proc/self/fd/${directory}/${name}`, flags | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw missingEntry(name, error);
    const link = code === "ELOOP" || code === "ENOTDIR";
    throw untrusted(
      link ? `"${name}" is not a directory, or is a link` : `"${name}" cannot be opened: ${(error as Error).message}`,
    );
  }
}

/** What a file holds; undefined where that is more than a limit, of which no more is read: its owner may write to it meanwhile. */
function readUpTo(descriptor: number, limit: number): Buffer | undefined {
  const bytes = Buffer.alloc(limit + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length <= limit; length += read)
    read = readSync(descriptor, bytes, length, bytes.length - length, null);
  return length > limit ? undefined : bytes.subarray(0, length);
}

/**
 * A directory that others may change, held open: what is done through it is done in it, whatever becomes of its path.
 * It is reached component by component from a place that no other user changes, without following links.
 */
export class HeldDirectory implements Disposable {
  /** An O_PATH descriptor: it is passed to a child that works in the directory. */
  readonly descriptor: number;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /**
   * Opens a directory below a trusted one.
   *
   * @throws BindingError UNAVAILABLE where a component is missing, a link or no directory
   */
  static open(base: string, components: readonly string[]): HeldDirectory {
    let descriptor = openSync(base, O_PATH | constants.O_DIRECTORY);
    for (const name of components) {
      const parent = descriptor;
      try {
        descriptor = openEntry(parent, name, O_PATH | constants.O_DIRECTORY);
      } finally {
        closeSync(parent);
      }
    }
    return new HeldDirectory(descriptor);
  }

  /** The same; undefined where a component is missing, a link or no directory. */
  static find(base: string, components: readonly string[]): HeldDirectory | undefined {
    try {
      return HeldDirectory.open(base, components);
    } catch (error) {
      if (error instanceof BindingError) return undefined;
      throw error;
    }
  }

  /** Where this process finds the directory while it is held. */
  get path(): string {
    return `/proc/self/fd/${this.descriptor}`;
  }

  stat(): Stats {
    return fstatSync(this.descriptor);
  }

  /** Opens a directory in it. @throws BindingError UNAVAILABLE where it is missing, a link or no directory */
  directory(name: string): HeldDirectory {
    return new HeldDirectory(openEntry(this.descriptor, name, O_PATH | constants.O_DIRECTORY));
  }

  /** Opens an entry as the place that it is, of a link the link. The descriptor is the caller's to close. */
  entry(name: string): number {
    return openEntry(this.descriptor, name, O_PATH);
  }

  /** What is in it; undefined where that is more than `most` entries, of which no more are read. */
  entries(most: number): readonly Dirent[] | undefined {
    const directory = opendirSync(this.path);
    try {
      const found: Dirent[] = [];
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        found.push(entry);
        if (found.length > most) return undefined;
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    } finally {
      directory.closeSync();
    }
  }

  /**
   * Holds a socket of the directory.
   *
   * @throws BindingError UNAVAILABLE where it is missing, a link, no socket, or not `uid`'s
   */
  socket(name: string, uid: number): HeldSocket {
    const descriptor = openEntry(this.descriptor, name, O_PATH);
    const stat = fstatSync(descriptor);
    if (!stat.isSocket() || stat.uid !== uid) {
      closeSync(descriptor);
      throw untrusted(
        stat.isSocket()
          ? `the socket "${name}" belongs to uid ${stat.uid}, not to ${uid}`
          : `"${name}" is not a socket`,
      );
    }
    return { path: `/proc/self/fd/${descriptor}`, descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
  }

  /**
   * Reads a file of the directory, up to a limit of bytes.
   *
   * @throws BindingError UNAVAILABLE where it is missing, a link, no regular file or too long
   */
  read(name: string, limit: number): string {
    const descriptor = openEntry(this.descriptor, name, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(descriptor);
      const bytes = stat.isFile() && stat.size <= limit ? readUpTo(descriptor, limit) : undefined;
      if (bytes === undefined) throw untrusted(`"${name}" is not a regular file of at most ${limit} bytes`);
      return bytes.toString("utf8");
    } finally {
      closeSync(descriptor);
    }
  }

  /** Puts a file into the directory that everybody may read, whole or not at all, and never through a link. */
  write(name: string, text: string, unique: string): void {
    const next = `${this.path}/${name}.${unique}`;
    const descriptor = openSync(
      next,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o444,
    );
    try {
      writeFileSync(descriptor, text);
      fchmodSync(descriptor, 0o444);
    } finally {
      closeSync(descriptor);
    }
    try {
      renameSync(next, `${this.path}/${name}`);
    } catch (error) {
      // A directory may stand in its place: nothing is left beside it each time that it is tried.
      rmSync(next, { force: true });
      throw untrusted(`"${name}" cannot be put in its place: ${(error as Error).message}`);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** True where something can be held now: it is there, and is what it should be. */
export function canHold(hold: () => Disposable): boolean {
  try {
    using _ = hold();
    return true;
  } catch (error) {
    if (error instanceof BindingError) return false;
    throw error;
  }
}
