import { closeSync, constants, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { inode, linkText, type NamespaceKind, ownerOf } from "./inode.ts";
import { selinuxLabelOf } from "./selinux-label.ts";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot at its start, from /proc/PID/stat. */
  readonly startTime: number;
}

/** What proc_pid_stat(5) says of a process. */
interface ProcessStat {
  /** A letter. */
  readonly state: string;
  readonly parent: number;
  readonly startTime: number;
}

/** Read into by one synchronous call at a time: a look at every process would else make as many. */
const BLOCK = Buffer.alloc(64 * 1024);
/** The most of a text of /proc that is read where the caller names no other. */
const MOST_TEXT = 1024 * 1024;

/** A label has a page at most. */
const LONGEST_LABEL = 4096;

/**
 * A process's directory in /proc, held: what is read through it is this process', and cannot be read once it has ended,
 * whatever process has its number by then.
 */
export class ProcessDirectory implements Disposable {
  /** An open directory: pidfd_send_signal(2) takes it for its process. */
  readonly descriptor: number;
  readonly pid: number;

  protected constructor(descriptor: number, pid: number) {
    this.descriptor = descriptor;
    this.pid = pid;
  }

  /**
   * Holds that of the process that has a number now, a zombie among them; undefined where there is none.
   *
   * @throws Error where it cannot be held: a process that is there is never taken for one that has ended
   */
  static open(pid: number): ProcessDirectory | undefined {
    const descriptor = openDirectory(pid);
    return descriptor === undefined ? undefined : new ProcessDirectory(descriptor, pid);
  }

  /** Which process it is; undefined where it has ended, or is a zombie. */
  identify(): ProcessId | undefined {
    return identifyOpen(this.descriptor, this.pid);
  }

  /** Where this process finds the other's directory of /proc while it is held. */
  get path(): string {
    return `/proc/self/fd/${this.descriptor}`;
  }

  /** A letter of proc_pid_stat(5); undefined where it has ended and was waited for. */
  get state(): string | undefined {
    return readStat(this.descriptor)?.state;
  }

  get isAlive(): boolean {
    const { state } = this;
    return state !== undefined && state !== "Z";
  }

  /** Its parent's number; undefined where it has ended. */
  get parent(): number | undefined {
    return readStat(this.descriptor)?.parent;
  }

  /**
   * Its effective user; undefined where it has ended. The kernel asks the process itself for the owner of this directory, be it
   * one that nothing may trace, and answers with root where it has ended: only what is in the directory may else be root's.
   */
  get uid(): number | undefined {
    const owner = ownerOf(this.path);
    return owner !== 0 || this.state !== undefined ? owner : undefined;
  }

  /** The number that it has in the innermost of its PID namespaces; undefined where it has ended. */
  get innerNumber(): string | undefined {
    return /^NSpid:.*\t(\d+)$/m.exec(this.read("status") ?? "")?.[1];
  }

  /** Its SELinux label; undefined where it has ended, or the kernel has no SELinux. */
  get selinuxLabel(): string | undefined {
    return selinuxLabelOf(this.read("attr/current", LONGEST_LABEL) ?? "");
  }

  /** The numbers of its children, whichever of its threads made them; none where it has ended. */
  get children(): readonly number[] {
    return listSafely(`${this.path}/task`).flatMap((thread) =>
      (this.read(`task/${thread}/children`) ?? "").split(" ").flatMap((number) => Number(number) || []),
    );
  }

  /** A namespace that it is in, as {@link inode} names it; undefined where it has ended. */
  namespace(kind: NamespaceKind): string | undefined {
    return inode(`${this.path}/ns/${kind}`);
  }

  /** True where the program that it runs is a file, whatever name it gives itself. */
  runs(file: string): boolean {
    const program = inode(file);
    return program !== undefined && inode(`${this.path}/exe`) === program;
  }

  /** What a link below its directory leads to, as the kernel prints it. */
  link(name: string): string | undefined {
    return linkText(`${this.path}/${name}`);
  }

  /** The text of a file below its directory, as far as `most` bytes; undefined where it has ended. */
  read(name: string, most: number = MOST_TEXT): string | undefined {
    try {
      return readBounded(`${this.path}/${name}`, most);
    } catch (error) {
      return unlessScarce(error);
    }
  }

  /** The file behind one of its descriptors, as {@link inode} names it. */
  openFile(descriptor: number): string | undefined {
    return inode(`${this.path}/fd/${descriptor}`);
  }

  /** The numbers of its descriptors. */
  descriptors(): readonly string[] {
    return listSafely(`${this.path}/fd`);
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor);
  }
}

/** The kernel makes such a text while it is read: what a process can make long is read no further. */
function readBounded(path: string, most: number): string {
  const file = openSync(path, constants.O_RDONLY);
  try {
    const blocks: Buffer[] = [];
    for (let left = most; left > 0; ) {
      const length = readSync(file, BLOCK, 0, Math.min(BLOCK.length, left), null);
      if (length === 0) break;
      blocks.push(Buffer.from(BLOCK.subarray(0, length)));
      left -= length;
    }
    return Buffer.concat(blocks).toString("utf8");
  } finally {
    closeSync(file);
  }
}

function openDirectory(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    return unlessScarce(error);
  }
}

/** Which process has an open directory; undefined where it has ended, or is a zombie. */
function identifyOpen(descriptor: number, pid: number): ProcessId | undefined {
  const stat = readStat(descriptor);
  return stat === undefined || stat.state === "Z" ? undefined : { pid, startTime: stat.startTime };
}

/** Opens the directory of a process that is there, and no zombie; undefined where there is none. */
export function openKnown(pid: number): { readonly descriptor: number; readonly id: ProcessId } | undefined {
  const descriptor = openDirectory(pid);
  if (descriptor === undefined) return undefined;
  const id = identifyOpen(descriptor, pid);
  if (id !== undefined) return { descriptor, id };
  closeSync(descriptor);
  return undefined;
}

function readStat(descriptor: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/self/fd/${descriptor}/stat`, "utf8");
    // The command's name is in parentheses and may hold anything; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: Number(fields[19]) };
  } catch (error) {
    return unlessScarce(error);
  }
}

/** What a process that has ended gives. Where it is this process that lacks descriptors or memory, nothing is known of the other. */
function unlessScarce(error: unknown): undefined {
  if (["EMFILE", "ENFILE", "ENOMEM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
}

function listSafely(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
