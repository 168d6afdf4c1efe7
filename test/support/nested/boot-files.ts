/** What a nested machine boots from: built once, from the launcher image's own Debian packages. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import type { Image } from "@netbind/local";
import { exec, takeLock } from "@netbind/netns";

/** The files, on the machine. */
export interface BootFiles {
  /** An uncompressed kernel: QEMU starts it without firmware. */
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's modules, as in /lib/modules/VERSION. */
  readonly modules: string;
}

const SOURCES = ["build", "init"] as const;
const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const DEADLINE = 20 * 60_000;

/** Takes the kernel out of its boot image (the kernel's documentation, x86/boot: setup_sects, payload_offset and _length). */
function unpackKernel(image: Buffer): Buffer {
  const start = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  // Behind the compressed kernel stands its length, which is not part of it.
  return zstdDecompressSync(image.subarray(start, start + image.readUInt32LE(0x24c) - 4));
}

/** Runs the build in the image's root with a layer of its own, in a mount namespace that ends with it. */
async function build({ rootfs }: Image, workspace: string): Promise<void> {
  for (const name of ["upper", "work", "root"]) mkdirSync(join(workspace, name), { recursive: true });
  const script = [
    'cd "$1" && mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" overlay root && mkdir root/nested',
    'mount --bind "$3" root/nested && exec chroot root sh -c "apt-get -qq update && sh /nested/build"',
  ].join(" && ");
  await exec(["unshare", "--mount", "sh", "-c", script, "sh", workspace, rootfs, source(".")], { deadline: DEADLINE });
}

/** The files for an image, built where there are none yet. */
export async function ensureBootFiles(image: Image, cache: string): Promise<BootFiles> {
  const hash = createHash("sha256").update(image.version);
  for (const name of SOURCES) hash.update(readFileSync(source(name)));
  const directory = join(cache, "nested");
  const target = join(directory, hash.digest("hex").slice(0, 12));
  const files: BootFiles = {
    kernel: join(target, "vmlinux"),
    initrd: join(target, "nested-initrd"),
    modules: join(target, "modules"),
  };
  if (existsSync(target)) return files;
  mkdirSync(directory, { recursive: true });
  await using _ = await takeLock(join(directory, "lock"), "the nested machine's kernel", DEADLINE);
  if (existsSync(target)) return files;
  const workspace = `${target}.building`;
  rmSync(workspace, { recursive: true, force: true });
  console.error("building the nested machine's kernel from Debian 13 packages (once; about half a minute)");
  await build(image, workspace);
  const out = join(workspace, "upper/out");
  writeFileSync(join(out, "vmlinux"), unpackKernel(readFileSync(join(out, "nested-vmlinuz"))));
  renameSync(out, target);
  rmSync(workspace, { recursive: true });
  return files;
}
