/** This checkout's images, built as `npm run images` builds them, for tests to look at and to run. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exec } from "@netbind/netns";
import { buildImages } from "../../../tools/images/build-images.ts";
import { fetchPackages } from "../../../tools/images/fetch.ts";
import { ImageError } from "../../../tools/images/image-error.ts";
import { type Lock, readLock } from "../../../tools/images/lock.ts";
import { runtimeVersion } from "../../../tools/images/runtime-version.ts";
import { type ImageTable, TABLE_FILE } from "../../../tools/images/table.ts";
import { lockWhatIsServed } from "../../../tools/images/update-lock.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * The repository's lock where the archive serves it still, and one of what is served where it does not: what images are
 * made of changes by itself.
 */
export async function servedLock(): Promise<Lock> {
  const lock = readLock(join(ROOT, "sidecars/images/lock.json"), runtimeVersion(ROOT));
  const packages = Object.values(lock.sets).flatMap(({ packages: byArchitecture }) =>
    Object.values(byArchitecture).flat(),
  );
  try {
    await fetchPackages(packages);
    return lock;
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    console.error(`${error.message}\nbuilding from what is served`);
    return lockWhatIsServed(runtimeVersion(ROOT));
  }
}

/** What skopeo, which is not the program that made it, says of an image. */
export interface InspectedImage {
  readonly architecture: string;
  readonly created: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

interface InspectedManifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

/** How an image's process is started, as the image asks for it. */
export interface ImageProcess {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly user: { readonly uid: number; readonly gid: number };
}

/** An image unpacked as a container runtime unpacks it. */
export interface UnpackedImage {
  readonly rootfs: string;
  readonly process: ImageProcess;
}

/** Images that were built, and what is unpacked of them, which is gone when the test is. */
export class BuiltImages implements Disposable {
  readonly #work: string = mkdtempSync(join(tmpdir(), "netbind-images-"));
  /** The OCI layout. */
  readonly out: string;
  readonly table: ImageTable;

  private constructor(out: string) {
    this.out = out;
    this.table = JSON.parse(readFileSync(join(out, TABLE_FILE), "utf8")) as ImageTable;
  }

  /** Takes what `npm run images` wrote. */
  static open(out: string): BuiltImages {
    return new BuiltImages(out);
  }

  /** Builds images by name, into a directory that is the caller's. */
  static async build(names: readonly string[], out: string): Promise<BuiltImages> {
    await buildImages({ root: ROOT, names, lock: await servedLock(), out, withSbom: false, progress: () => undefined });
    return new BuiltImages(out);
  }

  /** An image's configuration and manifest on a platform. */
  async inspect(name: string, architecture: string): Promise<InspectedImage & InspectedManifest> {
    const skopeo = ["skopeo", `--override-arch=${architecture}`, "inspect", "--config", `oci:${this.out}:${name}`];
    const config = JSON.parse(await exec(skopeo)) as InspectedImage;
    const digest = this.table[name]?.platforms[`linux/${architecture}`]?.digest.replace(":", "/") ?? "";
    const { layers } = JSON.parse(readFileSync(join(this.out, "blobs", digest), "utf8")) as InspectedManifest;
    return { ...config, layers };
  }

  /** Unpacks an image of a platform, the same one once, with how its process starts. */
  async unpack(name: string, architecture: string): Promise<UnpackedImage> {
    const layout = join(this.#work, `layout-${name}-${architecture}`);
    const bundle = join(this.#work, `${name}-${architecture}`);
    const rootfs = join(bundle, "rootfs");
    if (!existsSync(bundle)) {
      await exec([
        "skopeo",
        `--override-arch=${architecture}`,
        "copy",
        "--quiet",
        `oci:${this.out}:${name}`,
        `oci:${layout}:image`,
      ]);
      mkdirSync(bundle);
      await exec(["umoci", "raw", "unpack", "--image", `${layout}:image`, rootfs]);
      await exec([
        "umoci",
        "raw",
        "config",
        "--image",
        `${layout}:image`,
        "--rootfs",
        rootfs,
        join(bundle, "config.json"),
      ]);
    }
    const { process } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
      readonly process: ImageProcess;
    };
    return { rootfs, process };
  }

  [Symbol.dispose](): void {
    rmSync(this.#work, { recursive: true });
  }
}
