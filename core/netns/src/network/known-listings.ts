import type { NftJson } from "@netbind/engine";

/** What an agent keeps: its node's pods have few kinds of rules between them, and names of links that come again. */
const MOST = 256;

/**
 * How this machine lists tables, by the commands that made them from nothing. It lists what came of the same commands
 * alike each time, so what is known is not asked again. Should it ever not be so, a pod is found to differ, its table is
 * replaced once, and what replaces a table is always listed.
 */
export class KnownListings {
  readonly #listings = new Map<string, readonly NftJson[]>();

  /** The listing of what these commands make; undefined where that is not known. */
  find(commands: readonly NftJson[]): readonly NftJson[] | undefined {
    return this.#listings.get(JSON.stringify(commands));
  }

  /** Keeps a listing; the one that was kept first goes where there are too many. */
  keep(commands: readonly NftJson[], listing: readonly NftJson[]): void {
    this.#listings.set(JSON.stringify(commands), listing);
    const [first] = this.#listings.keys();
    if (this.#listings.size > MOST && first !== undefined) this.#listings.delete(first);
  }
}
