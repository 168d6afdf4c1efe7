/** The comparison of the machine before and after a test: blind to what is not this test's, and to nothing that is. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNetns, netnsPath, State } from "@netbind/local";
import { exec, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { vmId } from "../../core/local/src/record/state.ts";
import { type MachineState, machineState, makeStateDirectory } from "../support/guest/machine.ts";

const ID = vmId("default", "one");
const UID = 1_900_000_000 + randomInt(20_000);

/** Undoes what a test made, the last thing first, whatever becomes of the test. */
class Undo implements AsyncDisposable {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Starts a process, and waits until it is the program that it is to be. */
  async start(
    argv: readonly string[],
    { log, env }: { readonly log?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<ChildProcess> {
    const output = log === undefined ? "ignore" : openSync(log, "a");
    const [file = "", ...args] = argv;
    const child = spawn(file, args, { stdio: ["ignore", output, output], env: { ...process.env, ...env } });
    await once(child, "spawn");
    if (typeof output === "number") closeSync(output);
    this.add(async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    });
    return child;
  }

  async directory(): Promise<string> {
    const directory = mkdtempSync(join(tmpdir(), "netbind-others-"));
    this.add(() => rmSync(directory, { recursive: true }));
    return directory;
  }

  async netns(name: string): Promise<void> {
    await makeNetns(exec, name);
    this.add(() => exec(["ip", "netns", "delete", name]));
  }

  async mount(from: string, to: string): Promise<void> {
    await exec(["mount", "--bind", from, to]);
    this.add(() => exec(["umount", to]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failed: unknown[] = [];
    for (const step of this.#steps.reverse())
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => failed.push(error));
    if (failed.length > 0) throw new AggregateError(failed, `not undone: ${failed.join("; ")}`);
  }
}

/** A state directory of this test's own. */
function useState(undo: Undo): State {
  const state = new State({ state: makeStateDirectory("seen"), cache: "/nowhere", logs: "/nowhere" });
  undo.add(() => rmSync(state.root, { recursive: true, force: true }));
  state.prepare();
  rmSync(state.node, { recursive: true });
  return state;
}

/** A record that names the user of a pod's own. */
function writeRecord(state: State): void {
  mkdirSync(state.podDirectory(ID));
  writeFileSync(join(state.podDirectory(ID), "record.json"), JSON.stringify({ id: ID, serviceUid: UID }));
}

/** Everything of somebody else: plain software, another checkout's tests with the same VM, containers. */
async function startOthers(undo: Undo): Promise<void> {
  const mark = randomBytes(3).toString("hex");
  const directory = await undo.directory();
  const theirs = new State({ state: `/run/netbind-theirs-${mark}`, cache: directory, logs: directory });
  theirs.prepare();
  undo.add(() => rmSync(theirs.root, { recursive: true }));
  writeRecord(theirs);
  writeFileSync(theirs.lock(ID), "");
  for (const name of [`other-${mark}`, theirs.nodeNetns, theirs.podNetns(ID)]) await undo.netns(name);
  await exec(["ip", "link", "add", `o${mark}a`, "type", "veth", "peer", "name", `o${mark}b`]);
  undo.add(() => exec(["ip", "link", "delete", `o${mark}a`]));
  await exec(["ip", "link", "add", `o${mark}c`, "type", "veth", "peer", "name", "eth0", "netns", theirs.podNetns(ID)]);
  await undo.mount(directory, directory);
  await undo.mount(theirs.root, theirs.root);
  // Their names are all that these have of the programs that are started for VMs.
  for (const name of ["qemu-system-x86_64", "libvirtd", "virtlogd", "passt"]) {
    copyFileSync("/bin/sleep", join(directory, name));
    await undo.start([join(directory, name), "600"]);
  }
  const leases = `--dhcp-leasefile=${join(directory, "leases")}`;
  await undo.start([
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--port=0",
    "--user=root",
    "--pid-file=",
    leases,
  ]);
  await undo.start(["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--die-with-parent", "--", "sleep", "600"]);
  await undo.start(["flock", "--no-fork", theirs.lock(ID), "sleep", "600"]);
  await undo.start(["nsenter", `--net=${netnsPath(theirs.podNetns(ID))}`, "--", "sleep", "600"]);
  await undo.start(["sleep", "600"], { log: join(theirs.podDirectory(ID), "hook-sidecar-0.log") });
}

/** What a test may have left, of each kind, and where the comparison must show it. */
const LEFTOVERS: readonly (readonly [string, keyof MachineState, (undo: Undo, state: State) => Promise<unknown>])[] = [
  ["the node's namespace", "netns", (undo, state) => undo.netns(state.nodeNetns)],
  ["a pod's namespace", "netns", (undo, state) => undo.netns(state.podNetns(ID))],
  [
    "a cable into a pod",
    "links",
    async (undo, state) => {
      await undo.netns(state.podNetns(ID));
      const name = `l${randomBytes(3).toString("hex")}`;
      await exec(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", state.podNetns(ID)]);
    },
  ],
  [
    "a pod's bridge on the machine's own network",
    "links",
    async (undo) => {
      const name = `k6t-${randomBytes(3).toString("hex")}`;
      await exec(["ip", "link", "add", name, "type", "bridge"]);
      undo.add(() => exec(["ip", "link", "delete", name]));
    },
  ],
  ["a mount in the state directory", "mounts", (undo, state) => undo.mount(state.vms, state.vms)],
  [
    "a mount of a directory of ours elsewhere",
    "mounts",
    async (undo, state) => undo.mount(state.vms, await undo.directory()),
  ],
  [
    "a process in a pod",
    "processes",
    async (undo, state) => {
      await undo.netns(state.podNetns(ID));
      await undo.start(["nsenter", `--net=${netnsPath(state.podNetns(ID))}`, "--", "sleep", "600"]);
    },
  ],
  [
    "a process in a pod whose namespace has no name any more",
    "processes",
    async (undo, state) => {
      await makeNetns(exec, state.podNetns(ID));
      await undo.start(["nsenter", `--net=${netnsPath(state.podNetns(ID))}`, "--", "sleep", "600"]);
      await machineState();
      await exec(["ip", "netns", "delete", state.podNetns(ID)]);
    },
  ],
  [
    "a process of a pod's user, whose record is gone",
    "processes",
    async (undo, state) => {
      writeRecord(state);
      await machineState();
      rmSync(state.podDirectory(ID), { recursive: true });
      await undo.start(["setpriv", "--reuid", String(UID), "--clear-groups", "sleep", "600"]);
    },
  ],
  [
    "a process that writes into a directory that is gone",
    "processes",
    async (undo, state) => {
      mkdirSync(state.podDirectory(ID));
      await undo.start(["sleep", "600"], { log: join(state.podDirectory(ID), "hook-sidecar-0.log") });
      rmSync(state.podDirectory(ID), { recursive: true });
    },
  ],
  [
    "a sandbox that has a directory of ours mounted",
    "processes",
    async (undo, state) => {
      mkdirSync(state.podDirectory(ID));
      const script = 'mount --bind "$0" /mnt && exec sleep 600';
      await undo.start(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, state.podDirectory(ID)]);
      await waitUntil(async () => (await machineState()).processes.some((one) => one.startsWith("sleep ")), 5000);
      rmSync(state.podDirectory(ID), { recursive: true });
    },
  ],
  [
    "who holds a lock",
    "processes",
    (undo, state) => undo.start(["flock", "--no-fork", state.lock(ID), "sleep", "600"]),
  ],
  [
    "a CNI plugin",
    "processes",
    (undo, state) => undo.start(["sleep", "600"], { env: { CNI_NETNS: netnsPath(state.podNetns(ID)) } }),
  ],
  ["a VM's directory", "files", async (_, state) => mkdirSync(state.podDirectory(ID))],
  ["a lock's file", "files", async (_, state) => writeFileSync(state.lock(ID), "")],
  ["what a VM's users may write", "files", async (_, state) => mkdirSync(state.writable(ID))],
  ["the node's directory", "files", async (_, state) => mkdirSync(state.node)],
];

test.each(LEFTOVERS)("%s is seen among the %s that are left", async (_, kind, leave) => {
  const before = await machineState();
  {
    await using undo = new Undo();
    const state = useState(undo);
    expect(await machineState()).toEqual(before);
    await leave(undo, state);
    const after = await machineState();
    expect(after[kind].filter((one) => !before[kind].includes(one))).not.toEqual([]);
  }
  expect(await machineState()).toEqual(before);
});

test("namespaces, links, mounts and processes of others come and go unseen, also a VM of the same name", async () => {
  await using own = new Undo();
  const state = useState(own);
  // One of our own of each kind exists throughout: it must be seen beside others too.
  writeRecord(state);
  writeFileSync(state.lock(ID), "");
  await own.netns(state.podNetns(ID));
  const cable = `l${randomBytes(3).toString("hex")}`;
  await exec(["ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", state.podNetns(ID)]);
  await own.mount(state.vms, state.vms);
  await own.start(["nsenter", `--net=${netnsPath(state.podNetns(ID))}`, "--", "sleep", "600"]);
  await waitUntil(async () => (await machineState()).processes.length > 0, 5000);
  const before = await machineState();
  for (const kind of ["netns", "links", "mounts", "processes", "files"] as const)
    expect(before[kind], kind).not.toEqual([]);
  {
    await using others = new Undo();
    await startOthers(others);
    expect(await machineState()).toEqual(before);
  }
  expect(await machineState()).toEqual(before);
});

/** A namespace of somebody else's that the kernel gave a number which is free: it gives the lowest ones first. */
async function netnsWithNumber(undo: Undo, number: number): Promise<string> {
  const mark = randomBytes(3).toString("hex");
  for (let at = 0; at < 30; at++) {
    const name = `other-${mark}-${at}`;
    await undo.netns(name);
    if (statSync(netnsPath(name)).ino === number) return name;
  }
  return expect.fail(`no new namespace has the number ${number}: another test has it`);
}

test("a process of another's is not seen in a namespace that the kernel gave the number of one of ours", {
  retry: 9,
}, async () => {
  await using undo = new Undo();
  const state = useState(undo);
  const before = await machineState();
  const name = state.podNetns(ID);
  await makeNetns(exec, name);
  await machineState();
  const number = statSync(netnsPath(name)).ino;
  await exec(["ip", "netns", "delete", name]);
  const others = await netnsWithNumber(undo, number);
  await undo.start(["nsenter", `--net=${netnsPath(others)}`, "--", "sleep", "600"]);
  expect(await waitUntil(async () => (await exec(["ip", "netns", "pids", others])).trim() !== "", 5000)).toBe(true);
  expect(await machineState()).toEqual(before);
});
