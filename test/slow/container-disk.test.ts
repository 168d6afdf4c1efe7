/** A container disk moves with its VM: the base stays in the cache, and the VM's own layer goes on being written. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findVm } from "@netbind/local";
import { processesOf } from "@netbind/pod";
import { expect, test } from "vitest";
import { bootingDisk, containerDiskVm } from "../support/guest/booting-disk.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind } from "../support/guest/netbind.ts";
import { tarOf, writeLayout } from "../support/images/oci-layout.ts";

const lab = useLab();

function openFiles(name: string): readonly string[] {
  const qemu = processesOf(findVm(lab.state, name), "qemu")[0]?.pid;
  return readdirSync(`/proc/${qemu}/fd`).map((fd) => readlinkSync(`/proc/${qemu}/fd/${fd}`));
}
const layers = (): readonly string[] => readdirSync(join(lab.state.cache, "layers"));

test("a VM on a container disk moves with its layer, and nothing of the layer is left behind it", async () => {
  const directory = mkdtempSync("/var/tmp/netbind-slow-layout-");
  try {
    const layout = join(directory, "layout");
    writeLayout(layout, { layers: [await tarOf([{ name: "disk/disk.img", content: bootingDisk() }])] });
    await lab.start(containerDiskVm("one", `oci:${layout}:image`), "--wait", "0", "--host-disk", directory);
    const before = layers();
    const source = processesOf(findVm(lab.state, "one"), "qemu")[0]?.pid;
    const migrated = await netbind(["migrate", "one", "--wait", "0"], { env: lab.env });
    expect(migrated.code, migrated.stderr).toBe(0);
    expect(processesOf(findVm(lab.state, "one"), "qemu")[0]?.pid).not.toBe(source);
    for (const file of ["/disks/layer-0.qcow2", "/disks/base-0.img"]) expect(openFiles("one")).toContain(file);
    expect(layers()).toEqual(before);
    await lab.stop("one");
    expect(layers()).toHaveLength(before.length - 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
