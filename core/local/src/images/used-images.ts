import { lutimesSync } from "node:fs";
import { join } from "node:path";

/** Notes that an entry of a kind's directory is used now: `netbind gc --images` goes by that. */
export function markUsed<T extends { readonly base: string }>(directory: string, entry: T): T {
  const now = new Date();
  lutimesSync(join(directory, entry.base), now, now);
  return entry;
}
