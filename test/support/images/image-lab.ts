/** What tests of images have in common: a registry on loopback, and for each test a directory with a cache of its own. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Entry, type LayoutImage, tarOf, writeLayout } from "./oci-layout.ts";
import { Registry } from "./registry.ts";

/** Where a test of images works. */
export class ImageLab {
  readonly registry: Registry;
  readonly #kind: string;
  directory = "";

  constructor(registry: Registry, kind: string) {
    this.registry = registry;
    this.#kind = kind;
  }

  get cache(): string {
    return join(this.directory, "cache");
  }

  /** Writes an image of layers, each of some entries. Gives its layout, and the digest of what it names. */
  async write(layers: readonly (readonly Entry[])[], more: Omit<LayoutImage, "layers"> = {}) {
    const layout = mkdtempSync(join(this.directory, "layout-"));
    return { layout, digest: writeLayout(layout, { layers: await Promise.all(layers.map(tarOf)), ...more }) };
  }

  /** Writes such an image, and says how it is named. */
  async layoutOf(layers: readonly (readonly Entry[])[], more: Omit<LayoutImage, "layers"> = {}): Promise<string> {
    return `oci:${(await this.write(layers, more)).layout}:image`;
  }

  /** What is left in a cache beside its lock. */
  left(into = this.cache): readonly string[] {
    return readdirSync(join(into, this.#kind)).filter((name) => name !== "lock");
  }
}

/** Gives a file's tests their lab, by a function: it is there once they run. `kind` is the cache's directory of what they fetch. */
export function useImageLab(kind: string): () => ImageLab {
  let lab: ImageLab | undefined;
  const there = (): ImageLab => {
    if (lab === undefined) throw new Error("the lab is there in tests alone");
    return lab;
  };
  beforeAll(async () => {
    lab = new ImageLab(await Registry.start(), kind);
    process.env["SSL_CERT_FILE"] = lab.registry.certificate;
  });
  afterAll(async () => {
    delete process.env["SSL_CERT_FILE"];
    await there().registry[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    there().directory = mkdtempSync(`/var/tmp/netbind-${kind}-`);
  });
  afterEach(() => rmSync(there().directory, { recursive: true }));
  return there;
}
