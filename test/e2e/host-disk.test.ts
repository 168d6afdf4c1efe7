/** A disk of the machine's with a real QEMU: who may open it, through a migration and a crash. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findVm, listVms } from "@netbind/local";
import { processesOf } from "@netbind/pod";
import { exec, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { useLab } from "../support/guest/lab.ts";
import { masqueradeVm } from "../support/netns/many-networks.ts";
import { netbind } from "../support/guest/netbind.ts";

const lab = useLab();

/** What a VM's QEMU has open. */
function openFiles(): readonly string[] {
  const qemu = processesOf(findVm(lab.state, "one"), "qemu")[0]?.pid;
  return readdirSync(`/proc/${qemu}/fd`).map((fd) => readlinkSync(`/proc/${qemu}/fd/${fd}`));
}

test("a disk of root's alone: QEMU opens it by the VM's entry, here and in the next pod, and after a crash gc takes it back", async () => {
  const disks = mkdtempSync("/var/tmp/netbind-e2e-disks-");
  const disk = join(disks, "disk.img");
  writeFileSync(disk, Buffer.alloc(1024 * 1024), { mode: 0o600 });
  const acl = async (): Promise<string> => exec(["getfacl", "-cnp", disk]);
  const before = await acl();
  try {
    for (const command of ["run", "plan"]) {
      const refused = await netbind([command, "-f", "-", "-o", "json"], { env: lab.env, stdin: masqueradeVm(disk) });
      expect(refused.code).toBe(3);
      expect(refused.stdout).toContain("is in no directory that --host-disk lists (none is listed)");
    }
    expect(await acl()).toBe(before);
    await lab.start(masqueradeVm(disk), "--wait", "0", "--host-disk", disks);
    const { vmUid, hostDisks } = findVm(lab.state, "one");
    expect(hostDisks).toMatchObject([{ volume: 0, components: ["disk.img"] }]);
    expect(await acl()).toContain(`user:${vmUid}:rw-`);
    expect(openFiles()).toContain("/disks/disk-0.img");
    const migrated = await netbind(["migrate", "one", "--wait", "0"], { env: lab.env });
    expect(migrated.code, migrated.stderr).toBe(0);
    expect(findVm(lab.state, "one")).toMatchObject({ vmUid, hostDisks });
    expect(openFiles()).toContain("/disks/disk-0.img");
    expect(await acl()).toContain(`user:${vmUid}:rw-`);
    for (const { pid } of processesOf(findVm(lab.state, "one"), "qemu")) process.kill(pid, "SIGKILL");
    await waitUntil(
      async () => (await netbind(["gc"], { env: lab.env })).stdout.includes("removed: default/one"),
      20_000,
    );
    expect(listVms(lab.state)).toEqual([]);
    expect(await acl()).toBe(before);
  } finally {
    rmSync(disks, { recursive: true });
  }
});
