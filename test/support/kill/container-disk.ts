/** A VM on a container disk, for labs in which netbind is killed: its image is a layout beside the lab's own disk. */
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { bootingDisk, containerDiskVm } from "../guest/booting-disk.ts";
import { tarOf, writeLayout } from "../images/oci-layout.ts";
import type { KillLab } from "./kill-lab.ts";

/** Of the VM's disk. */
const imageIn = (directory: string): string => `oci:${join(directory, "layout")}:image`;

/** Makes the VM's document from the path of the lab's own disk. */
export async function containerDiskVms(): Promise<(disk: string) => string> {
  // No other test's cache has this image.
  const nonce = { name: "nonce", content: randomUUID() };
  const layers = [await tarOf([{ name: "disk/disk.img", content: bootingDisk() }, nonce])];
  return (disk) => {
    writeLayout(join(dirname(disk), "layout"), { layers });
    return containerDiskVm("one", imageIn(dirname(disk)));
  };
}

/** Takes the lab's image out of the cache, so that the next start copies it again. */
export function forgetImage({ state, disks }: KillLab): void {
  const directory = join(state.cache, "container-disks");
  for (const entry of existsSync(directory) ? readdirSync(directory) : []) {
    const facts = join(directory, entry, "facts.json");
    if (!entry.startsWith("disk-") || !existsSync(facts)) continue;
    const { image } = JSON.parse(readFileSync(facts, "utf8")) as { readonly image?: string };
    if (image === imageIn(disks)) rmSync(join(directory, entry), { recursive: true });
  }
}
