import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Exec, makeDirectory, takeLock } from "@netbind/netns";
import { warmCapabilities } from "./capabilities.ts";
import { debianArchive } from "./debian-archive.ts";
import { DEMO_GUEST_PACKAGES, LAUNCHER_PACKAGES, SUITE } from "./packages.ts";

/** The launcher's root file system and the demo guest in it. */
export interface Image {
  /** Hash of the recipe. */
  readonly version: string;
  readonly rootfs: string;
}

/** Where the image shows the demo guest, inside the launcher. */
export const DEMO_GUEST = { kernel: "/out/vmlinuz", initrd: "/out/initrd" } as const;
/** The one with drivers for every NIC, which boots more slowly. */
export const FULL_DEMO_GUEST = { kernel: "/out/vmlinuz-full", initrd: "/out/initrd-full" } as const;

/** Prints what a long step does. */
export type Progress = (line: string) => void;

/** Bump to build again from newer versions of the same packages. */
const RECIPE = 3;
const PACKAGES = [...LAUNCHER_PACKAGES, ...DEMO_GUEST_PACKAGES];
const BUILD_DEADLINE = 30 * 60_000;
const LOCK_WAIT = 40 * 60_000;
const GUEST_FILES = ["build", "init", "udhcpc-script", "udhcpc6-script"] as const;

/** The guest's files are not compiled: source and compiled module find them in the same place. */
const guestFile = (name: string): string => fileURLToPath(new URL(`../../src/launcher/guest/${name}`, import.meta.url));

function imageVersion(): string {
  const hash = createHash("sha256").update(JSON.stringify([RECIPE, SUITE, PACKAGES]));
  for (const name of GUEST_FILES) hash.update(readFileSync(guestFile(name)));
  return hash.digest("hex").slice(0, 12);
}

/** What the launcher's processes find under /etc: a name for the host that needs no resolver. Its users are each VM's own. */
function writeIdentity(rootfs: string): void {
  writeFileSync(join(rootfs, "etc/hosts"), "127.0.0.1 localhost launcher\n");
  for (const directory of ["netbind", "disks"]) mkdirSync(join(rootfs, directory));
}

async function build(exec: Exec, target: string, progress: Progress): Promise<void> {
  progress(
    "building the launcher's root file system from Debian 13 packages: libvirt, QEMU, passt (once; about a minute)",
  );
  const include = `--include=${PACKAGES.join(",")}`;
  const apt = '--aptopt=APT::Install-Recommends "false"';
  await exec(
    [
      "mmdebstrap",
      "--quiet",
      "--variant=apt",
      "--mode=root",
      apt,
      include,
      SUITE,
      target,
      (await debianArchive(exec)).main,
    ],
    {
      deadline: BUILD_DEADLINE,
    },
  );
  progress("building the demo guest from Debian's kernel and busybox (once; half a minute)");
  mkdirSync(join(target, "guest"));
  for (const name of GUEST_FILES) {
    writeFileSync(join(target, "guest", name), readFileSync(guestFile(name)));
    chmodSync(join(target, "guest", name), 0o755);
  }
  await exec(["chroot", target, "sh", "-c", "apt-get -qq update && /guest/build"], { deadline: BUILD_DEADLINE });
  writeIdentity(target);
  chmodSync(target, 0o755);
  await warmCapabilities(exec, target);
}

/**
 * The image of this release's recipe, built where there is none yet. Two builders wait for each other; a build that was
 * interrupted is never taken for a whole one.
 */
export async function ensureImage(exec: Exec, cache: string, progress: Progress): Promise<Image> {
  const version = imageVersion();
  const directory = join(cache, "images");
  const rootfs = join(directory, version);
  makeDirectory(directory, 0o755);
  if (existsSync(rootfs)) return { version, rootfs };
  await using _ = await takeLock(join(directory, "lock"), "the launcher image", {
    wait: LOCK_WAIT,
    onWait: () => progress("waiting for another netbind process, which builds the launcher's root file system"),
  });
  if (existsSync(rootfs)) return { version, rootfs };
  for (const name of readdirSync(directory))
    if (name.startsWith("building-")) rmSync(join(directory, name), { recursive: true });
  const next = join(directory, `building-${version}`);
  await build(exec, next, progress);
  renameSync(next, rootfs);
  return { version, rootfs };
}
