import { constants, promises } from "node:fs";
import { join } from "node:path";
import { type Cluster, type ClusterSnapshot, readObjects, type Unreadable } from "./cluster.ts";

interface ReadFile {
  readonly identity: string;
  readonly objects: readonly unknown[];
  readonly unreadable: readonly Unreadable[];
}

/** The most bytes of a file: a list of some ten thousand objects. */
const SIZE_LIMIT = 256 * 1024 * 1024;

/** Objects of an API in a directory, as `kubectl get -o json` writes them: an object or a list in each file. */
export class FileCluster implements Cluster {
  readonly #directory: string;
  #files: ReadonlyMap<string, ReadFile> = new Map();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async snapshot(): Promise<ClusterSnapshot> {
    const names = (await promises.readdir(this.#directory)).filter((name) => name.endsWith(".json"));
    this.#files = new Map(await Promise.all(names.map(async (name) => [name, await this.#read(name)] as const)));
    const files = [...this.#files.values()];
    const snapshot = readObjects(files.flatMap(({ objects }) => objects));
    return { ...snapshot, unreadable: [...files.flatMap(({ unreadable }) => unreadable), ...snapshot.unreadable] };
  }

  /** Reads a file. One that cannot be read is reported as such: what is in it is not known, and not gone. */
  async #read(name: string): Promise<ReadFile> {
    try {
      return await this.#readSound(name);
    } catch (error) {
      return {
        identity: "",
        objects: [],
        unreadable: [{ what: `file ${join(this.#directory, name)}`, problem: (error as Error).message }],
      };
    }
  }

  async #readSound(name: string): Promise<ReadFile> {
    // A pipe must not keep everything waiting.
    const file = await promises.open(join(this.#directory, name), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile() || stat.size > SIZE_LIMIT)
        throw new Error(`it is not a regular file of at most ${SIZE_LIMIT} bytes`);
      const identity = `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
      const known = this.#files.get(name);
      if (known?.identity === identity) return known;
      const content = JSON.parse(await file.readFile("utf8")) as {
        readonly kind?: unknown;
        readonly items?: unknown;
      } | null;
      const isList = typeof content?.kind === "string" && content.kind.endsWith("List");
      if (isList && !Array.isArray(content.items ?? [])) throw new Error("its items are not a list");
      return { identity, objects: isList ? ((content.items ?? []) as readonly unknown[]) : [content], unreadable: [] };
    } finally {
      await file.close();
    }
  }
}
