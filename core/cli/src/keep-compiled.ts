import { enableCompileCache } from "node:module";
import { userInfo } from "node:os";
import { join } from "node:path";

/** The directory of what was compiled: below the user's home as the system knows it, since a variable could name another user's. */
function directoryOf(): string | undefined {
  try {
    return join(userInfo().homedir, ".cache/netbind/compiled");
  } catch {
    // A user without an entry has no home.
    return undefined;
  }
}

/**
 * Keeps what the runtime compiles of this program for its next call, which begins sooner. NODE_COMPILE_CACHE names another
 * directory, and NODE_DISABLE_COMPILE_CACHE=1 keeps nothing; where nothing can be written, nothing is kept.
 */
export function keepCompiled(): void {
  const directory = directoryOf();
  if (directory !== undefined) enableCompileCache(directory);
}
