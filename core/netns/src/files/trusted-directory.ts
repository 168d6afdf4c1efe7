import { lstatSync, realpathSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";

/** A directory in which another user could change what root does. */
export class UntrustedDirectoryError extends Error {
  override readonly name = "UntrustedDirectoryError";
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    // What is missing, or is below a file, is absent: the code that makes it reports a failure.
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

const isOwn = ({ uid }: Stats): boolean => uid === 0 || uid === process.geteuid?.();

/** What lets others into a directory; undefined where nothing does. */
function weakness(stat: Stats, isAbove: boolean): string | undefined {
  if (!isOwn(stat)) return `it belongs to uid ${stat.uid}`;
  // Of what is above, a sticky directory is enough: no user renames there what another owns.
  const writable = (stat.mode & WRITABLE_BY_OTHERS) !== 0 && !(isAbove && (stat.mode & STICKY) !== 0);
  return writable ? `its mode ${(stat.mode & 0o7777).toString(8)} lets others write to it` : undefined;
}

/** What is wrong with the directories above one; undefined where nothing is. Links above it are followed. */
function weaknessAbove(path: string): { readonly at: string; readonly what: string } | undefined {
  for (let at = dirname(path); ; at = dirname(at)) {
    const stat = statOf(at);
    if (stat?.isSymbolicLink() === true) return weaknessAbove(`${realpathSync(at)}/.`);
    const what = stat === undefined ? undefined : weakness(stat, true);
    if (what !== undefined) return { at, what };
    if (dirname(at) === at) return undefined;
  }
}

/**
 * Sees that a directory, where it is there, is root's alone: it, and all that is above it. A user who can rename it, or
 * write to it, would choose the files that root works with.
 *
 * @throws UntrustedDirectoryError with what is wrong, and what to do; `setting` is what names the directory
 */
export function checkTrustedDirectory(path: string, setting: string): void {
  const refuse = (at: string, what: string, fix: string): UntrustedDirectoryError =>
    new UntrustedDirectoryError(`${setting}: ${at} is not trusted: ${what}: ${fix}, or name another directory`);
  const stat = statOf(path);
  if (stat !== undefined && !stat.isDirectory())
    throw refuse(path, stat.isSymbolicLink() ? "it is a link" : "it is not a directory", "remove it");
  const own = stat === undefined ? undefined : weakness(stat, false);
  if (own !== undefined) throw refuse(path, own, `chown root:root ${path} && chmod go-w ${path}`);
  const above = weaknessAbove(resolve(path));
  if (above !== undefined)
    throw refuse(
      above.at,
      `${above.what}, and ${path} is in it`,
      `chown root:root ${above.at} && chmod go-w ${above.at}`,
    );
}
