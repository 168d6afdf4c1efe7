/** What the builds of images keep between them, below the machine's cache of Netbind. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { stateDirectories } from "../../core/local/src/state.ts";

/** A directory of the cache, made where it is missing. */
export function cacheDirectory(...components: readonly string[]): string {
  const directory = join(stateDirectories(process.env).cache, "oci", ...components);
  mkdirSync(directory, { recursive: true });
  return directory;
}
