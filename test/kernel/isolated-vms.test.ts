/** What a VM's launcher, guest or author puts in the way of removing it is in no other VM's way. */
import { execFileSync } from "node:child_process";
import { mkdirSync, openSync, closeSync, ftruncateSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeNetns, netnsPath, State } from "@netbind/local";
import { exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { PodRecordFile } from "@netbind/pod";
import type { LocalPodRecord } from "../../core/local/src/record/local-pod-record.ts";
import { makeNode } from "../../core/local/src/node/node-netns.ts";
import { vmId } from "../../core/local/src/record/state.ts";
import { machineState, makeStateDirectory } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";

const NAMES = ["aaa", "bad", "zzz"] as const;

const recordOf = (state: State, id: string, name: string): LocalPodRecord => ({
  ...{ version: 1, id, namespace: "default", name, uid: "u", source: "-", createdAt: "2026-01-01T00:00:00.000Z" },
  ...{
    phase: "running",
    netns: state.podNetns(id),
    serviceUid: 1_900_000_001,
    bindings: {},
    nics: {},
    processes: [],
    attachments: [],
  },
  vmi: {
    metadata: { namespace: "default", name },
    spec: { domain: { devices: {} } },
  } as unknown as LocalPodRecord["vmi"],
});

/** Three VMs that are over, one of which will be in the way: whatever the order, one of the others comes behind it. */
class ThreeVms implements AsyncDisposable {
  readonly state: State = new State({ state: makeStateDirectory("three"), cache: "/nowhere", logs: "/nowhere" });
  readonly #undo: (() => void)[] = [];

  static async make(): Promise<ThreeVms> {
    const vms = new ThreeVms();
    const { state } = vms;
    execFileSync("mkdir", ["-p", state.vms, join(state.root, "locks"), join(state.root, "migration"), state.node]);
    await makeNode(exec, state);
    for (const name of NAMES) {
      const id = vmId("default", name);
      for (const directory of ["", "hooks/hook-sidecar-0", "launcher/run", "launcher/log", "launcher/config"])
        mkdirSync(join(state.podDirectory(id), directory), { recursive: true });
      PodRecordFile.create(state.podDirectory(id), recordOf(state, id, name));
      await makeNetns(exec, state.podNetns(id));
    }
    return vms;
  }

  /** A path in the directory of the VM that is in the way. */
  bad(path: string): string {
    return join(this.state.podDirectory(vmId("default", "bad")), path);
  }

  undoLater(step: () => void): void {
    this.#undo.push(step);
  }

  undo(): void {
    for (const step of this.#undo.splice(0).reverse()) step();
  }

  netbind(...args: readonly string[]): Promise<Outcome> {
    return netbind(args, { env: { NETBIND_STATE_DIR: this.state.root } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.undo();
    await this.netbind("gc");
    rmSync(this.state.root, { recursive: true, force: true });
  }
}

/** What a launcher can put into its own directories, and a document's author into a record: it is removed with the VM. */
const HARMLESS: Readonly<Record<string, (vms: ThreeVms) => unknown>> = {
  "directories in the place of sockets": (vms) => {
    for (const path of [
      "launcher/run/console.sock",
      "launcher/run/serial.sock",
      "hooks/hook-sidecar-0/x.sock",
      "hooks/hook-sidecar-0/netbind",
    ])
      mkdirSync(join(vms.bad(path), "full/of/it"), { recursive: true });
  },
  "a file in the place of a directory": (vms) => {
    rmSync(vms.bad("hooks"), { recursive: true });
    writeFileSync(vms.bad("hooks"), "");
  },
  "links out of its directory": (vms) => {
    for (const path of ["launcher/run/x", "hooks/hook-sidecar-0/y.sock"]) symlinkSync(vms.state.vms, vms.bad(path));
  },
  "pipes that nobody writes to": (vms) =>
    execFileSync(
      "mkfifo",
      ["launcher/log/console.log", "launcher/run/console.sock", "hooks/hook-sidecar-0/z.sock"].map((path) =>
        vms.bad(path),
      ),
    ),
  "a directory in the place of its record": (vms) => {
    rmSync(vms.bad("record.json"));
    mkdirSync(vms.bad("record.json"));
  },
  "a huge file": (vms) => {
    const file = openSync(vms.bad("launcher/log/console.log"), "w");
    ftruncateSync(file, 2 ** 40);
    closeSync(file);
  },
  "directories deeper than a path is long": (vms) => {
    const deep = Array.from({ length: 400 }, () => "d".repeat(200));
    const script = 'cd "$0" && for name in "$@"; do mkdir "$name" && cd -P "$name" || exit 1; done';
    execFileSync("sh", ["-c", script, vms.bad("launcher"), ...deep]);
  },
};

/** What only root can put in the way: the VM stays, and is told of. */
const IN_THE_WAY: Readonly<Record<string, (vms: ThreeVms) => unknown>> = {
  "a mount": (vms) => {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", vms.bad("launcher/log")]);
    vms.undoLater(() => void execFileSync("umount", [vms.bad("launcher/log")]));
  },
  "a directory in the place of its lock": (vms) => {
    const lock = vms.state.lock(vmId("default", "bad"));
    mkdirSync(join(lock, "full"), { recursive: true });
    vms.undoLater(() => rmSync(lock, { recursive: true }));
  },
};

const both = ({ stdout, stderr }: Outcome): string => stdout + stderr;

test.each(Object.entries(HARMLESS))("%s: gc removes that VM, and the others", async (_, plant) => {
  const before = await machineState();
  {
    await using vms = await ThreeVms.make();
    plant(vms);
    const collected = await vms.netbind("gc");
    expect(collected.stdout, both(collected)).toMatch(/^removed: .*default\/aaa/);
    for (const name of ["default/aaa", "default/zzz"]) expect(collected.stdout).toContain(name);
    expect(collected.code, both(collected)).toBe(0);
    expect(vms.state.podIds()).toEqual([]);
  }
  expect(await machineState()).toEqual(before);
});

test.each(Object.entries(IN_THE_WAY))(
  "%s: gc removes the others, and says which VM is not; stop, check, status and apply too",
  async (_, plant) => {
    const before = await machineState();
    {
      await using vms = await ThreeVms.make();
      plant(vms);
      for (const command of ["status", "check", "apply"])
        expect(both(await vms.netbind(command))).toMatch(/aaa[\s\S]*zzz/);
      const stopped = await vms.netbind("stop", "--force", "aaa", "bad");
      expect(stopped.code).not.toBe(0);
      expect(stopped.stderr).toMatch(/^netbind: VM bad is not stopped: /m);
      expect(vms.state.podIds()).not.toContain(vmId("default", "aaa"));
      const reported = JSON.parse((await vms.netbind("gc", "-o", "json")).stdout) as {
        removed: string[];
        failed: { vm: string; message: string }[];
      };
      expect(reported.removed).toEqual(["default/zzz"]);
      expect(reported.failed).toHaveLength(1);
      expect(reported.failed[0]?.message).not.toBe("");
      const again = await vms.netbind("gc");
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/^netbind: VM \S+ is not removed: /m);
      expect(again.stdout).toBe("");
      vms.undo();
      const collected = await vms.netbind("gc");
      expect([collected.code, vms.state.podIds(), vms.state.lockIds()], both(collected)).toEqual([0, [], []]);
      expect(await exec(["ls", "/run/netns"])).not.toContain(netnsPath(vms.state.nodeNetns).split("/").at(-1));
    }
    expect(await machineState()).toEqual(before);
  },
);
