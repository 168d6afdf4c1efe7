/** The image of the pod's launcher: libvirt, QEMU and the demo guest, with a program that has virt-launcher's discipline. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureImage, State, stateDirectories } from "@netbind/local";
import { exec } from "@netbind/netns";
import { buildGoTool } from "../build/go-tools.ts";
import { LAUNCHER_FAULTS } from "../kube/hook-pod.ts";
import { writeArchive } from "./image-archive.ts";

const SCRIPTS = { "usr/bin/virt-launcher-monitor": "launcher-monitor", "usr/bin/virt-tail": "launcher-tail" } as const;
const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Writes the image as an archive, once for each content. Gives its path. */
export async function writeLauncherImage(): Promise<string> {
  const { cache } = new State(stateDirectories(process.env));
  const image = await ensureImage(exec, cache, (line) => console.error(`netbind: ${line}`));
  const files = {
    ...Object.fromEntries(Object.entries(SCRIPTS).map(([path, name]) => [path, source(name)])),
    "usr/bin/hook-client": buildGoTool("hook-client"),
    "usr/share/netbind-launcher/faults.json": LAUNCHER_FAULTS,
    "usr/share/netbind-launcher/qemu.conf": source("launcher-qemu.conf"),
    "etc/passwd": source("launcher-passwd"),
    // libvirtd ends by a segmentation fault where its own group has no name. Numbers of the image's groups are by chance.
    "etc/group": source("launcher-group"),
  };
  const hash = createHash("sha256").update(image.version);
  for (const [path, file] of Object.entries(files)) hash.update(path).update(readFileSync(file));
  const directory = join(cache, "test");
  const archive = join(directory, `launcher-${hash.digest("hex").slice(0, 12)}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(directory, { recursive: true });
  const next = `${archive}.${process.pid}`;
  const content = { name: "localhost/launcher:1", files, entrypoint: [], below: [image.rootfs] };
  await writeArchive(content, next);
  renameSync(next, archive);
  return archive;
}
