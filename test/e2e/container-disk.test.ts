/** A container disk from a registry with a real QEMU: the base that VMs share, and a layer of each one's own. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findVm } from "@netbind/local";
import { processesOf } from "@netbind/pod";
import { expect, test } from "vitest";
import { cachedDiskPath } from "../../core/local/src/images/container-disk-cache.ts";
import { bootingDisk, containerDiskVm } from "../support/guest/booting-disk.ts";
import { useLab } from "../support/guest/lab.ts";
import { netbind } from "../support/guest/netbind.ts";
import { tarOf, writeLayout } from "../support/images/oci-layout.ts";
import { Registry } from "../support/images/registry.ts";

const lab = useLab();

function openFiles(name: string): readonly string[] {
  const qemu = processesOf(findVm(lab.state, name), "qemu")[0]?.pid;
  return readdirSync(`/proc/${qemu}/fd`).map((fd) => readlinkSync(`/proc/${qemu}/fd/${fd}`));
}

async function consoleSays(name: string, text: string): Promise<void> {
  const log = join(lab.state.podDirectory(findVm(lab.state, name).id), "console.log");
  for (let waited = 0; !readFileSync(log, "latin1").includes(text); waited++) {
    if (waited > 400) throw new Error(`the console of ${name} does not say ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const layers = (): readonly string[] => {
  const directory = join(lab.state.cache, "layers");
  return readdirSync(directory);
};

test("two VMs boot one container disk from a registry, each writes into its own layer, and nothing of the layers is left", async () => {
  await using registry = await Registry.start();
  const layout = mkdtempSync("/var/tmp/netbind-e2e-layout-");
  try {
    const disk = bootingDisk();
    const digest = writeLayout(layout, { layers: [await tarOf([{ name: "disk/disk.img", content: disk }])] });
    await registry.push(layout, "image", "test/disk:1");
    process.env["SSL_CERT_FILE"] = registry.certificate;
    await lab.start(containerDiskVm("one", `${registry.host}/test/disk:1`), "--wait", "0");
    const before = layers();
    await lab.start(containerDiskVm("two", `docker://${registry.host}/test/disk@${digest}`), "--wait", "0");
    for (const name of ["one", "two"]) {
      await consoleSays(name, "disk boots");
      expect(openFiles(name)).toContain("/disks/layer-0.qcow2");
      expect(openFiles(name)).toContain("/disks/base-0.img");
    }
    const [one, two] = ["one", "two"].map((name) => findVm(lab.state, name).containerDisks?.[0]);
    expect(one).toMatchObject({ volume: 0, format: "raw" });
    expect(two?.base).toBe(one?.base);
    expect(readFileSync(cachedDiskPath(lab.state.cache, one?.base ?? ""))).toEqual(disk);
    expect((await netbind(["stop", "--force", "two"], { env: lab.env })).code).toBe(0);
    expect(layers()).toEqual(before);
    await lab.stop("one");
    expect(layers()).toHaveLength(before.length - 1);
  } finally {
    delete process.env["SSL_CERT_FILE"];
    rmSync(layout, { recursive: true });
  }
});
