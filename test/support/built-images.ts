/** This checkout's images, built as `npm run images` builds them, for tests to look at and to run. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@netbind/netns";
import { buildImages } from "../../tools/images/build-images.ts";
import { fetchPackages } from "../../tools/images/fetch.ts";
import { ImageError } from "../../tools/images/image-error.ts";
import { type Lock, readLock } from "../../tools/images/lock.ts";
import { runtimeVersion } from "../../tools/images/runtime-version.ts";
import type { ImageTable } from "../../tools/images/table.ts";
import { lockWhatIsServed } from "../../tools/images/update-lock.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The repository's lock where the archive serves it still, and one of what is served where it does not: what images are
 * made of moves on without anybody's doing.
 */
export async function servedLock(): Promise<Lock> {
  const lock = readLock(join(ROOT, "sidecars/images/lock.json"), runtimeVersion(ROOT));
  const packages = Object.values(lock.sets).flatMap(({ packages: byArchitecture }) => Object.values(byArchitecture).flat());
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

/** Images in a directory that is gone when the test is. */
export class BuiltImages implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "netbind-images-"));
  table: ImageTable = {};

  /** Builds images by name. */
  static async build(names: readonly string[], withSbom = false): Promise<BuiltImages> {
    const images = new BuiltImages();
    const lock = await servedLock();
    images.table = await buildImages({ root: ROOT, names, lock, out: images.out, withSbom, progress: () => undefined });
    return images;
  }

  get out(): string {
    return join(this.directory, "out");
  }

  /** An image's configuration and manifest on a platform. */
  async inspect(name: string, architecture: string): Promise<InspectedImage & InspectedManifest> {
    const skopeo = ["skopeo", `--override-arch=${architecture}`, "inspect", "--config", `oci:${this.out}:${name}`];
    const config = JSON.parse(await run(skopeo)) as InspectedImage;
    const digest = this.table[name]?.platforms[`linux/${architecture}`]?.digest.replace(":", "/") ?? "";
    const { layers } = JSON.parse(readFileSync(join(this.out, "blobs", digest), "utf8")) as InspectedManifest;
    return { ...config, layers };
  }

  /** Unpacks an image of a platform, with how its process starts. */
  async unpack(name: string, architecture: string): Promise<UnpackedImage> {
    const layout = join(this.directory, `layout-${name}-${architecture}`);
    const bundle = join(this.directory, `${name}-${architecture}`);
    await run(["skopeo", `--override-arch=${architecture}`, "copy", "--quiet", `oci:${this.out}:${name}`, `oci:${layout}:image`]);
    await run(["umoci", "unpack", "--image", `${layout}:image`, bundle]);
    const { process } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as { readonly process: ImageProcess };
    return { rootfs: join(bundle, "rootfs"), process };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}
