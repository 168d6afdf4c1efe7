import { readlinkSync, type Stats, statSync } from "node:fs";

/** The kinds of namespaces that processes are distinguished by. */
export type NamespaceKind = "mnt" | "net" | "pid" | "user";

function statSafely(path: string): Stats | undefined {
  try {
    // A look at every process asks each for what hardly any has, and an error costs more than its question.
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** What the kernel distinguishes a file or a namespace by; undefined where there is none at the path. */
export function inode(path: string): string | undefined {
  const found = statSafely(path);
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

export const isDirectory = (path: string): boolean => statSafely(path)?.isDirectory() === true;

/**
 * The namespace at a path, in the words of a link that leads to it: `net:[4026531840]`. All are on one file system, so its
 * number says which it is. Undefined where none is at the path.
 */
export function namespaceAt(path: string, kind: NamespaceKind): string | undefined {
  const [found, own] = [statSafely(path), statSafely(`/proc/self/ns/${kind}`)];
  return found === undefined || found.dev !== own?.dev ? undefined : `${kind}:[${found.ino}]`;
}

/** Who owns what is at a path; undefined where there is nothing. */
export const ownerOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.uid;

/** What a link leads to, as the kernel prints it; undefined where there is none at the path. */
export function linkText(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
