/** A VM whose processes were taken over plants links in all directories of its user: no command follows one. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { findVm, listVms, type LocalPodRecord } from "@netbind/local";
import { derivedName, exec } from "@netbind/netns";
import { expect, test } from "vitest";
import { demoVmi } from "../demo/vmi.ts";
import { useLab } from "../support/guest/lab.ts";
import { meetingDirectory, writableDirectory } from "../../core/local/src/pod/writable.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";
import { documents, nad } from "../support/kube/objects.ts";

const lab = useLab();

/** What root may find behind a link: files of every name that commands know, sockets that count who connects, directories. */
class Trap implements AsyncDisposable {
  readonly path = mkdtempSync("/run/netbind-trap-");
  readonly #servers: Server[] = [];
  connections: string[] = [];
  #before = "";

  static async make(): Promise<Trap> {
    const trap = new Trap();
    chmodSync(trap.path, 0o700);
    for (const directory of [
      "",
      "libvirt",
      "libvirt/qemu",
      "libvirt/qemu/log",
      "libvirt/qemu/run",
      "netbind",
      "run/libvirt",
      "log",
      "disks",
    ])
      await trap.#fill(join(trap.path, directory));
    trap.#before = trap.look();
    return trap;
  }

  async #fill(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    const files = [
      "domain.xml",
      "console.log",
      "console.log.1",
      "libvirtd.log",
      "qemu.conf",
      "hosts",
      "attach.json",
      "attach.seal",
    ];
    for (const name of [...files, "default_one.log", "default_one.pid", "disk-0.iso"])
      writeFileSync(join(directory, name), `secret of ${name}`);
    for (const name of [
      "console.sock",
      "serial.sock",
      "libvirt-sock",
      "attach.sock",
      "hook.sock",
      "libvirt.sock",
      "guest.sock",
    ]) {
      const server = createServer((socket) => {
        this.connections.push(join(directory, name));
        socket.destroy();
      });
      await new Promise<void>((resolve) => server.listen(join(directory, name), resolve));
      this.#servers.push(server);
    }
  }

  /** All that is in it: names, owners, permissions, times, content. */
  look(): string {
    const entries = readdirSync(this.path, { recursive: true }).map(String).sort();
    return ["", ...entries]
      .map((name) => {
        const stat = lstatSync(join(this.path, name));
        const text = stat.isFile()
          ? createHash("sha256")
              .update(readFileSync(join(this.path, name)))
              .digest("hex")
          : "";
        return [name, stat.mode, stat.uid, stat.gid, stat.size, stat.ino, stat.nlink, stat.ctimeMs, text].join(" ");
      })
      .join("\n");
  }

  expectUntouched(what: string): void {
    expect(this.connections, what).toEqual([]);
    expect(this.look(), what).toBe(this.#before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
    rmSync(this.path, { recursive: true });
  }
}

/** Does something as the VM's user, in the machine's files, where it has more room than in its launcher. */
const as = ({ vmUid }: LocalPodRecord, script: string, ...args: readonly string[]): Promise<string> =>
  exec([
    "setpriv",
    "--reuid",
    String(vmUid),
    "--regid",
    String(vmUid),
    "--clear-groups",
    "--no-new-privs",
    "sh",
    "-c",
    script,
    "sh",
    ...args,
  ]);

/** Puts a link in a file's or a directory's place, whatever stands there; `restore` puts it back. */
async function plant(record: LocalPodRecord, path: string, target: string): Promise<void> {
  await as(record, 'if [ -e "$1" ] || [ -L "$1" ]; then mv -T "$1" "$1.was"; fi; ln -s "$2" "$1"', path, target);
}
const restore = (record: LocalPodRecord, path: string): Promise<string> =>
  as(record, 'rm -f "$1"; if [ -e "$1.was" ]; then mv -T "$1.was" "$1"; fi', path);

const call = (...args: readonly string[]): Promise<Outcome> => netbind(args, { env: lab.env });
const VMI = demoVmi({ name: "one", port: 80, nonce: "x" });

/**
 * Paths in the directories of the VM's user, and what of the trap is like each: in rounds, from what the VM goes on without to
 * what all else is below.
 */
function rounds(record: LocalPodRecord): readonly (readonly (readonly [path: string, like: string])[])[] {
  const pod = writableDirectory(lab.state, record);
  const [launcher, hooks, meeting] = [
    join(pod, "launcher"),
    join(pod, "hooks/hook-sidecar-0"),
    meetingDirectory(lab.state, record),
  ];
  return [
    [
      ...["console.sock", "serial.sock"].map((name) => [join(launcher, "run", name), name] as const),
      ...["domain.xml", "disks", "hosts"].map((name) => [join(launcher, name), name] as const),
      ...["libvirt.sock", "guest.sock"].map((name) => [join(meeting, name), name] as const),
      [join(launcher, "log/console.log"), "console.log"],
      [join(launcher, "cache/libvirt/qemu/log"), "libvirt/qemu/log"],
      [join(launcher, "config/libvirt/qemu.conf"), "qemu.conf"],
      [join(hooks, "netbind/attach.seal"), "attach.seal"],
      [join(hooks, "another.sock"), "hook.sock"],
    ],
    [
      [join(launcher, "run/libvirt/libvirt-sock"), "libvirt-sock"],
      [join(launcher, "run/libvirt/qemu"), "libvirt/qemu"],
      [join(hooks, "netbind/attach.sock"), "attach.sock"],
      [join(hooks, "masquerade-hook-sidecar-0.sock"), "hook.sock"],
    ],
    [
      [join(launcher, "run/libvirt"), "libvirt"],
      [join(launcher, "log"), "log"],
      [join(hooks, "netbind"), "netbind"],
    ],
    [
      [join(launcher, "run"), "run"],
      [join(launcher, "cache"), ""],
    ],
  ];
}

test("a link in the place of anything of a VM's user: no command follows it, and the VM goes when it is told to", {
  timeout: 570_000,
}, async () => {
  await using trap = await Trap.make();
  await lab.start(VMI, "--wait", "0");
  await lab.booted("one");
  const record = findVm(lab.state, "one");
  for (const [at, places] of rounds(record).entries()) {
    for (const [path, like] of places) await plant(record, path, join(trap.path, like));
    const commands = [["check"], ["status", "one"], ["link", "down", "one", "red"], ["console", "one"]];
    const done = await Promise.all(
      commands.map(async (command) => `${command.join(" ")}: ${(await call(...command)).code}`),
    );
    trap.expectUntouched(`round ${at}: ${done.join(", ")}`);
    await call("apply");
    trap.expectUntouched(`round ${at}: apply`);
    for (const [path] of [...places].reverse()) await restore(record, path);
  }
  // All at once, and the VM is told to go: what is removed is the link.
  for (const [path, like] of rounds(record).flat()) await plant(record, path, join(trap.path, like));
  const again = await netbind(["run", "-f", "-", "--keep", "--wait", "0"], { env: lab.env, stdin: VMI });
  trap.expectUntouched(`run again: ${again.code}`);
  for (const command of [["migrate", "one", "--wait", "0"], ["gc"], ["stop", "--force", "one"], ["gc"]]) {
    await call(...command);
    trap.expectUntouched(command.join(" "));
  }
  expect(listVms(lab.state)).toEqual([]);
  // And again, as if nothing had been.
  await lab.start(VMI, "--wait", "0");
  await lab.stop("one");
});

test("a NIC comes and goes beside links of the names that its files had", { timeout: 300_000 }, async () => {
  await using trap = await Trap.make();
  const nads = join(lab.directory, "nads.yaml");
  writeFileSync(nads, documents(nad("blue-net", { type: "bridge", bridge: "blue0", ipam: {} })));
  await lab.start(VMI, "--wait", "0");
  await lab.booted("one");
  const record = findVm(lab.state, "one");
  const launcher = join(writableDirectory(lab.state, record), "launcher");
  const names = ["nic-blue.xml", derivedName("nic", { text: "blue" }, ".xml"), "domain.xml", "blue.xml"];
  for (const name of names) await plant(record, join(launcher, name), join(trap.path, "domain.xml"));
  const attached = await call("attach-nic", "one", "blue", "--network", "blue-net", "-f", nads, "--wait", "0");
  expect(attached.code, attached.stderr).toBe(0);
  trap.expectUntouched("attach-nic");
  const detached = await call("detach-nic", "one", "blue");
  expect(detached.code, detached.stderr).toBe(0);
  trap.expectUntouched("detach-nic");
  await lab.stop("one");
});

test("directories in the place of sockets: migrate says so, or goes on, and stop and gc go on", {
  timeout: 300_000,
}, async () => {
  await lab.start(VMI, "--wait", "0");
  const record = findVm(lab.state, "one");
  const meeting = meetingDirectory(lab.state, record);
  for (const name of ["libvirt.sock", "guest.sock"])
    await as(record, 'mkdir -p "$1/deep/er" && : > "$1/deep/file"', join(meeting, name));
  const migrated = await call("migrate", "one", "--wait", "0");
  expect(migrated.code, migrated.stderr).toBe(0);
  const moved = findVm(lab.state, "one");
  expect(moved.id).not.toBe(record.id);
  for (const path of ["launcher/run/console.sock", "hooks/hook-sidecar-0/netbind/attach.sock"])
    await as(moved, 'rm -f "$1"; mkdir -p "$1/deep"', join(writableDirectory(lab.state, moved), path));
  expect((await call("apply")).stdout).toContain("default/one");
  await lab.stop("one");
});
