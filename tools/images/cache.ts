/** What the builds of images keep between them, below the machine's cache of Netbind, and where they work meanwhile. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stateDirectories } from "../../core/local/src/record/state.ts";

/** A directory of the cache, made where it is missing. */
export function cacheDirectory(...components: readonly string[]): string {
  const directory = join(stateDirectories(process.env).cache, "oci", ...components);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** A directory that is gone when its block ends. */
export interface WorkDirectory extends Disposable {
  readonly path: string;
}

/** The process that works in a directory is part of its name. */
const OWNED = /^\.work-(\d+)-/;

/** Makes a directory to work in, and removes those of builds that were killed. `parent`: where; absent: in the cache. */
export function workDirectory(parent: string = cacheDirectory()): WorkDirectory {
  for (const name of readdirSync(parent)) {
    const owner = OWNED.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
  const path = mkdtempSync(join(parent, `.work-${process.pid}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
