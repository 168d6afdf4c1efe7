/** This checkout's images of sidecars in a registry on loopback, as somebody who mirrors them has them. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { TABLE_FILE } from "../../../tools/images/table.ts";
import { BuiltImages } from "../kube/built-images.ts";
import { Registry } from "./registry.ts";

const PREFIX = "mirror/of";

export class SidecarRegistry implements AsyncDisposable {
  readonly #directory: string;
  readonly #images: BuiltImages;
  readonly registry: Registry;

  private constructor(directory: string, images: BuiltImages, registry: Registry) {
    this.#directory = directory;
    this.#images = images;
    this.registry = registry;
  }

  /** Builds images of plugins and pushes them. */
  static async start(names: readonly string[]): Promise<SidecarRegistry> {
    const directory = mkdtempSync("/var/tmp/netbind-sidecar-registry-");
    const images = await BuiltImages.build(names, join(directory, "images"));
    const registry = await Registry.start();
    for (const name of names) await registry.push(images.out, name, `${PREFIX}/${images.table[name]?.image ?? ""}`);
    return new SidecarRegistry(directory, images, registry);
  }

  /** What `--registry` names. */
  get prefix(): string {
    return `${this.registry.host}/${PREFIX}`;
  }

  /** The OCI layout that was pushed. */
  get layout(): string {
    return this.#images.out;
  }

  /** What `--image-table` names. */
  get table(): string {
    return join(this.#images.out, TABLE_FILE);
  }

  /** An image by its digest. */
  reference(name: string): string {
    const { image = "", digest = "" } = this.#images.table[name] ?? {};
    return `${this.prefix}/${image}@${digest}`;
  }

  /** The options of `netbind run` that have its sidecars run from here. */
  get options(): readonly string[] {
    return ["--sidecars", "image", "--registry", this.prefix, "--image-table", this.table];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#images[Symbol.dispose]();
    await this.registry[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }
}

/** Longer than any test takes. */
const OLD = 3 * 60 * 60_000;

/** Removes what earlier tests pulled from registries of theirs; each commit has others, and another run may need what is new. */
export function removeOldSidecars(cache: string): void {
  const directory = join(cache, "sidecar-images");
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory).filter((one) => one.startsWith("sidecar-"))) {
    const path = join(directory, name);
    const isLoopback = (): boolean => readFileSync(join(path, "facts.json"), "utf8").includes('"image":"127.0.0.1:');
    if (statSync(path).mtimeMs < Date.now() - OLD && isLoopback()) rmSync(path, { recursive: true });
  }
}
