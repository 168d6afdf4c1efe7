/** Images for the test cluster that no registry has: an archive as `ctr images import` and `skopeo` take it. */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { exec } from "@netbind/netns";
import { unpackDebian } from "../build/debian-programs.ts";
import { sha256Of } from "../../../tools/images/fetch.ts";
import { buildGoTool } from "../build/go-tools.ts";

/** An image of one layer of files, over root file systems of the machine's. */
export interface ImageContent {
  /** With its tag, such as `localhost/pause:1`. */
  readonly name: string;
  /** Files of the machine, by their paths in the image. */
  readonly files: Readonly<Record<string, string>>;
  /** Links, by their paths in the image. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  /** Directories that are the layers below, lowest first. */
  readonly below?: readonly string[];
}

export const PAUSE_IMAGE = "localhost/pause:1";
export const BUSYBOX_IMAGE = "localhost/busybox:1";

const APPLETS = ["sh", "cat", "grep", "hostname", "httpd", "id", "ip", "ls", "mount", "nc", "ping", "ps", "sleep"];
const REPRODUCIBLE = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];

const pack = (directory: string, archive: string): Promise<string> =>
  exec(["tar", ...REPRODUCIBLE, "-C", directory, "-cf", archive, "."], { deadline: 5 * 60_000 });

/** Writes an image as an archive in the form of `docker save`. */
export async function writeArchive(content: ImageContent, archive: string): Promise<void> {
  const { name, files, links = {}, entrypoint, below = [] } = content;
  const workspace = mkdtempSync(join(tmpdir(), "netbind-image-"));
  try {
    const [rootfs, image] = [join(workspace, "rootfs"), join(workspace, "image")];
    for (const directory of [rootfs, image]) mkdirSync(directory);
    // Any user of a container may make files there: the launcher's sockets are in the second.
    for (const name of ["tmp", "netbind"]) {
      mkdirSync(join(rootfs, name));
      chmodSync(join(rootfs, name), 0o1777);
    }
    for (const [path, file] of Object.entries(files)) cpSync(file, join(rootfs, path), { dereference: true });
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(dirname(join(rootfs, path)), { recursive: true });
      symlinkSync(target, join(rootfs, path));
    }
    const layers = [...below, rootfs].map((directory, at) => ({ directory, file: `layer-${at}.tar` }));
    for (const { directory, file } of layers) await pack(directory, join(image, file));
    const digests = await Promise.all(layers.map(({ file }) => sha256Of(join(image, file))));
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: entrypoint, Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: digests.map((digest) => `sha256:${digest}`) },
    });
    const configFile = `${createHash("sha256").update(config).digest("hex")}.json`;
    writeFileSync(join(image, configFile), config);
    const manifest = [{ Config: configFile, RepoTags: [name], Layers: layers.map(({ file }) => file) }];
    writeFileSync(join(image, "manifest.json"), JSON.stringify(manifest));
    await pack(image, archive);
  } finally {
    rmSync(workspace, { recursive: true });
  }
}

/** Writes the images that each node has from the start into a directory. Gives the archives' paths. */
export async function writeNodeImages(directory: string): Promise<readonly string[]> {
  mkdirSync(directory, { recursive: true });
  const busybox = join(await unpackDebian("busybox-static"), "bin/busybox");
  const images: Readonly<Record<string, ImageContent>> = {
    pause: { name: PAUSE_IMAGE, files: { pause: buildGoTool("pause") }, entrypoint: ["/pause"] },
    busybox: {
      name: BUSYBOX_IMAGE,
      files: { "bin/busybox": busybox },
      links: Object.fromEntries(APPLETS.map((applet) => [`bin/${applet}`, "busybox"])),
      entrypoint: ["/bin/sh"],
    },
  };
  return Promise.all(
    Object.entries(images).map(async ([name, content]) => {
      const archive = join(directory, `${name}.tar`);
      await writeArchive(content, archive);
      return archive;
    }),
  );
}
