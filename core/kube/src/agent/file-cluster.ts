import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Cluster, type ClusterView, readObjects } from "./cluster.ts";

interface ReadFile {
  readonly identity: string;
  readonly objects: readonly unknown[];
}

/** Objects of an API in a directory, as `kubectl get -o json` writes them: an object or a list in each file. */
export class FileCluster implements Cluster {
  readonly #directory: string;
  #files: ReadonlyMap<string, ReadFile> = new Map();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async view(): Promise<ClusterView> {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith(".json"));
    this.#files = new Map(names.map((name) => [name, this.#read(name)]));
    return readObjects([...this.#files.values()].flatMap(({ objects }) => objects));
  }

  #read(name: string): ReadFile {
    const path = join(this.#directory, name);
    const { ino, size, mtimeMs } = statSync(path);
    const identity = `${ino} ${size} ${mtimeMs}`;
    const known = this.#files.get(name);
    if (known?.identity === identity) return known;
    const content = JSON.parse(readFileSync(path, "utf8")) as { readonly kind?: string; readonly items?: readonly unknown[] };
    return { identity, objects: content.kind?.endsWith("List") === true ? (content.items ?? []) : [content] };
  }
}
