import { rmSync } from "node:fs";
import { exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { KillLab } from "../support/kill/kill-lab.ts";
import { machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";

const VMI = demoVmi({ name: "one", port: 80, nonce: "x" });

/** A file system of a size of its own, as a state directory. */
class SmallDisk implements AsyncDisposable {
  readonly path: string = makeStateDirectory("disk");

  static async mount(size: string): Promise<SmallDisk> {
    const disk = new SmallDisk();
    await exec(["mount", "-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", disk.path]);
    return disk;
  }

  netbind(...args: readonly string[]): Promise<Outcome> {
    return netbind(args, { env: { NETBIND_STATE_DIR: this.path }, stdin: VMI });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A VM whose test failed must not keep it busy.
    await this.netbind("stop", "--force", "one");
    await exec(["umount", this.path]);
    rmSync(this.path, { recursive: true });
  }
}

test.each(["8k", "48k", "96k", "300k"])(
  "a state directory of %s, which is too small: it says so, and nothing is left",
  async (size) => {
    const before = await machineState();
    {
      await using disk = await SmallDisk.mount(size);
      const started = await disk.netbind("run", "-f", "-", "--wait", "0", "--keep");
      expect(started.code, started.stderr).toBe(1);
      expect(started.stderr).toMatch(/no space left on device/i);
      expect((await disk.netbind("gc")).stdout).toMatch(/nothing to remove|removed/);
    }
    expect(await machineState()).toEqual(before);
  },
);

test("a state directory that became read-only: stop says so, and once it can be written gc finishes", async () => {
  const before = await machineState();
  {
    await using disk = await SmallDisk.mount("64m");
    expect((await disk.netbind("run", "-f", "-", "--wait", "0", "--keep")).code).toBe(0);
    const state = disk.path;
    await exec(["mount", "--bind", state, state]);
    await exec(["mount", "-o", "remount,bind,ro", state]);
    const refused = await disk.netbind("run", "-f", "-", "--wait", "0", "--keep");
    expect(refused.code).not.toBe(0);
    const stopped = await disk.netbind("stop", "--force", "one");
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(/read-only file system/i);
    await exec(["umount", state]);
    const collected = await disk.netbind("gc");
    expect(collected.stdout, collected.stderr).toBe("removed: default/one\n");
  }
  expect(await machineState()).toEqual(before);
});

test("libvirt that refuses the domain: its words are told, and nothing is left", async () => {
  await using lab = await KillLab.make(
    VMI.replace("masquerade: {}", "masquerade: {}\n          pciAddress: '0000:01:05.0'"),
  );
  const started = await lab.run(["run", "-f", "-", "--keep"]);
  expect(started.code).toBe(1);
  expect(started.stderr).toMatch(/virsh .* create .*Failed to create domain/s);
  expect(await lab.leftovers()).toEqual([]);
});

test("processes that hang: they are ended all the same", async () => {
  await using lab = await KillLab.make();
  await lab.start();
  for (const role of ["sidecar", "dhcp4", "ipv6", "console", "qemu"]) process.kill(lab.pidOf(role), "SIGSTOP");
  const checked = await lab.run(["check"]);
  expect(checked.code).toBe(1);
  for (const word of ["sidecar of binding masquerade", "service dhcp4", "service ipv6", "console"])
    expect(checked.stdout).toContain(word);
  const start = performance.now();
  const stopped = await lab.run(["stop", "--force", "one"]);
  expect(stopped.code, stopped.stderr).toBe(0);
  expect(performance.now() - start).toBeLessThan(60_000);
  expect(await lab.leftovers()).toEqual([]);
});
