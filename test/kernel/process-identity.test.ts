/** Processes are told apart by what the kernel says of them: nothing that has another's number or name is taken for it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  collectGarbage,
  ensureImage,
  findDrift,
  State,
  stateDirectories,
  type LocalPodRecord,
  vmStatus,
} from "@netbind/local";
import {
  endProcesses,
  exec,
  HeldProcess,
  identify,
  isAlive,
  orphansOf,
  type ProcessId,
  processesOfPod,
  processesOfPods,
  processesOfUser,
  waitUntil,
} from "@netbind/netns";
import { isServiceUid, PodRecordFile, VM_UIDS } from "@netbind/pod";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { LocalRecordFile } from "../../core/local/src/record/local-pod-record.ts";
import { exposeDevices } from "../../core/local/src/hotplug/expose-devices.ts";
import { hypervisorNodes } from "../../core/local/src/launcher/launcher-mounts.ts";
import { startLauncher } from "../../core/local/src/launcher/libvirt.ts";
import { dropPrivileges } from "../../core/local/src/launcher/vm-user.ts";
import type { DeviceNode } from "../../core/local/src/networks/emulated-plugin.ts";
import { makeDirectory, makeUserDirectory } from "../../core/netns/src/files/root-files.ts";
import { launcherOf } from "../../core/local/src/launcher/launcher-of.ts";
import { makeStateDirectory } from "../support/guest/machine.ts";
import { TestNetns } from "../support/netns/netns.ts";

const ID = "0123456789ab";
const SERVICE_UID = 1_900_000_077;
const REUSE = fileURLToPath(new URL("../support/netns/reuse-pid.ts", import.meta.url));

let directory: string;
let state: State;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = makeStateDirectory("identity");
  state = new State({ ...stateDirectories(process.env), state: directory });
  state.prepare();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(directory, { recursive: true });
});

/** Starts a process that lives as long as its test. */
async function start(argv: readonly string[]): Promise<ProcessId> {
  const [file = "", ...args] = argv;
  const child = spawn(file, args, { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  const id = identify(child.pid ?? 0);
  if (id === undefined) throw new Error(`${argv.join(" ")} ended at once`);
  return id;
}

/** A process that runs one program under another's name. */
async function startNamed(name: string, way: readonly string[]): Promise<ProcessId> {
  const program = join(directory, name);
  copyFileSync("/usr/bin/sleep", program);
  chmodSync(program, 0o755);
  const id = await start([...way, program, "600"]);
  await waitUntil(() => readFileSync(`/proc/${id.pid}/comm`, "utf8") === `${name.slice(0, 15)}\n`, 5000);
  return id;
}

/** The record of a VM that runs, as far as these tests go. */
function record(netns: string, processes: LocalPodRecord["processes"]): LocalPodRecord {
  const launcher = join(state.podDirectory(ID), "launcher");
  mkdirSync(launcher, { recursive: true });
  return PodRecordFile.create<LocalPodRecord>(state.podDirectory(ID), {
    ...{
      version: 1,
      id: ID,
      namespace: "default",
      name: "vm",
      uid: "u",
      source: "vm.yaml:1",
      createdAt: "2026-01-01T00:00:00.000Z",
    },
    ...{ phase: "running", netns, serviceUid: SERVICE_UID, attachments: [], bindings: {}, nics: {}, processes },
    vmi: {
      ...{
        apiVersion: "kubevirt.io/v1",
        kind: "VirtualMachineInstance",
        metadata: { namespace: "default", name: "vm" },
      },
      spec: { domain: { devices: {} } },
    } as unknown as LocalPodRecord["vmi"],
    launcher: { directory: launcher, rootfs: "/" },
  }).record;
}

test("a process that is held is never another one that got its number", async () => {
  const program = [process.execPath, "--conditions=@netbind/source", REUSE];
  const reported = JSON.parse(await exec(["unshare", "--pid", "--fork", "--mount-proc", ...program])) as Record<
    string,
    unknown
  >;
  expect(reported).toEqual({ found: { alive: false, runs: false }, left: [], otherLives: true });
});

test("a process that lives is never taken for one that has ended where descriptors are short", async () => {
  const one = await start(["sleep", "600"]);
  const script = `import { isAlive } from "@netbind/netns"; import { openSync } from "node:fs";
    try { for (;;) openSync("/dev/null"); } catch {}
    try { console.log(isAlive(${JSON.stringify(one)})); } catch (error) { console.log(error.code); }`;
  const program = [
    process.execPath,
    "--conditions=@netbind/source",
    "--input-type=module-typescript",
    "--eval",
    script,
  ];
  const printed = await promisify(execFile)("prlimit", ["--nofile=64:64", ...program], { cwd: import.meta.dirname });
  expect(printed.stdout).toBe("EMFILE\n");
});

test("a process with QEMU's name in the pod's namespace is not the VM's QEMU: the VM is over", async () => {
  await using pod = await TestNetns.make();
  const fake = await startNamed("qemu-system-x86_64", ["nsenter", `--net=${pod.path}`]);
  const vm = record(pod.name, [{ role: "launcher", processes: [fake, fake] }]);
  expect(await vmStatus(exec, vm)).toMatchObject({ phase: "over" });
  expect(await findDrift(state, exec, vm)).toMatchObject({ over: "its QEMU does not run" });
  expect(isAlive(fake)).toBe(true);
});

/** The record of a VM with a NIC that has a device file. */
function withNode(vm: LocalPodRecord, node: DeviceNode): LocalRecordFile {
  const config = { cniVersion: "1.0.0", name: "blue", plugins: [] };
  const attachment = { network: "blue", ifname: "net1", containerId: "c", config, nodes: [node] };
  return PodRecordFile.create(state.podDirectory(ID), { ...vm, attachments: [attachment] });
}

test("a device file of a NIC that comes is made for the launcher's user alone, where no program of the launcher's is run", async () => {
  await using pod = await TestNetns.make();
  const image = await ensureImage(exec, state.cache, () => undefined);
  const user = { uid: VM_UIDS.first + 7, gid: VM_UIDS.first + 7 };
  const [launcher, shared] = [join(state.podDirectory(ID), "launcher"), join(directory, "shared")];
  makeDirectory(state.podDirectory(ID));
  makeUserDirectory(shared, user);
  const nodes = hypervisorNodes({ kvm: false, vhost: false });
  const spec = {
    netns: pod.path,
    image,
    domain: "default_vm",
    hostname: "launcher",
    shared,
    directory: launcher,
    pod: state.podDirectory(ID),
    user,
    nodes,
    disks: [],
  };
  let processes: readonly ProcessId[] = [];
  try {
    await startLauncher(exec, spec, (started) => (processes = started));
    const [, first] = processes;
    const vm = { ...record(pod.name, [{ role: "launcher", processes }]), vmUid: user.uid };
    const recordFile = withNode(vm, { path: "/dev/vfio/7", major: 1, minor: 3 });
    const inside = (script: string): Promise<string> =>
      exec(["nsenter", `--mount=/proc/${first?.pid}/ns/mnt`, "--", ...dropPrivileges(user), "sh", "-c", script]);
    for (const _ of ["made", "there"]) {
      await exposeDevices({ state, exec, recordFile }, "blue");
      expect(await inside("stat -c '%t:%T %a %u' /dev/vfio/7 && echo text > /dev/vfio/7 && ls /dev/vfio")).toBe(
        `1:3 600 ${user.uid}\n7\n`,
      );
    }
    await expect(inside("rm /dev/vfio/7 || touch /dev/vfio/8")).rejects.toThrow("Permission denied");
    expect(existsSync("/dev/vfio/7")).toBe(false);
  } finally {
    await endProcesses(processes);
  }
});

test("programs of a process that has a launcher's number are never run", async () => {
  await using pod = await TestNetns.make();
  const marker = join(directory, "executed");
  const script = join(directory, "script");
  writeFileSync(script, `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 });
  // Its own mount namespace, in which each program that a host could run there is the script.
  const programs = ["setpriv", "virsh", "sh", "prlimit", "mknod"].map(
    (name) => `mount --bind ${script} /usr/bin/${name}`,
  );
  const foreign = await start(["unshare", "--mount", "--", "bash", "-c", `${programs.join("; ")}; exec sleep 600`]);
  expect(await waitUntil(() => readFileSync(`/proc/${foreign.pid}/comm`, "utf8") === "sleep\n", 5000)).toBe(true);
  const qemu = await startNamed("qemu-system-x86_64", ["nsenter", `--net=${pod.path}`]);
  const vm = record(pod.name, [{ role: "launcher", processes: [foreign, foreign] }]);
  await findDrift(state, exec, vm);
  await expect(launcherOf(exec, vm).virsh(["list"])).rejects.toThrow();
  await launcherOf(exec, vm).limit(qemu, ["--nofile=100:100"]);
  // A number that passed on since the launcher was recorded.
  const earlier = { pid: foreign.pid, startTime: foreign.startTime - 1 };
  const stale = { ...vm, processes: [{ role: "launcher", processes: [earlier, earlier] }] };
  await expect(launcherOf(exec, stale).exposeVfio([])).rejects.toThrow("launcher does not run");
  const node = { path: "/dev/vfio/7", major: 1, minor: 3 };
  await exposeDevices({ state, exec, recordFile: withNode(vm, node) }, "blue").catch(() => undefined);
  expect(existsSync(marker)).toBe(false);
});

test("a server of netbind is identified by its user, not by its name; a descendant of a recorded one is not an orphan", async () => {
  const named = await startNamed("dnsmasq", []);
  const asUser = ["setpriv", "--reuid", String(SERVICE_UID), "--regid", String(SERVICE_UID), "--clear-groups"];
  const stray = await start([...asUser, "sleep", "600"]);
  const recorded = await start([...asUser, "sh", "-c", "sleep 600; true"]);
  expect(await waitUntil(() => orphansOf({ uid: SERVICE_UID, logs: [] }, []).length === 3, 5000)).toBe(true);
  expect(orphansOf({ uid: SERVICE_UID, logs: [] }, [recorded])).toEqual([stray]);
  expect(isAlive(named)).toBe(true);
  await exec(["pkill", "-KILL", "-U", String(SERVICE_UID)]);
});

test("a process is its user's, be it one that nothing may trace, whose files in /proc are root's", async () => {
  // What changes its user by itself, and runs no other program since, may hold secrets of the one that it was.
  const hidden = await start(["perl", "-e", "$< = $> = shift; sleep 600", String(SERVICE_UID)]);
  expect(await waitUntil(() => processesOfUser(SERVICE_UID).length > 0, 5000)).toBe(true);
  expect(statSync(`/proc/${hidden.pid}/status`).uid).toBe(0);
  expect(orphansOf({ uid: SERVICE_UID, logs: [] }, [])).toEqual([hidden]);
  using held = HeldProcess.of(hidden);
  expect(held?.uid).toBe(SERVICE_UID);
  await endProcesses([hidden]);
  expect(held?.uid).toBeUndefined();
});

test("one look finds the servers of many pods, each by its user or by its output alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "netbind-look-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const logs = ["one", "two"].map((name) => join(directory, name));
  const printing: ProcessId[] = [];
  for (const log of logs) printing.push(await start(["sh", "-c", `exec sleep 600 > "$0"`, log]));
  const asUser = ["setpriv", "--reuid", String(SERVICE_UID), "--regid", String(SERVICE_UID), "--clear-groups"];
  const served = await start([...asUser, "sleep", "600"]);
  const pods = [{ logs: [logs[0] ?? ""], uid: SERVICE_UID }, { logs: [directory] }, { logs: [], uid: SERVICE_UID }];
  const found = (): readonly (readonly number[])[] =>
    processesOfPods(pods).map((processes) => processes.map(({ pid }) => pid).sort());
  const [one, two] = printing.map(({ pid }) => pid);
  const expected = [[one, served.pid].sort(), [one, two].sort(), [served.pid]];
  await waitUntil(() => JSON.stringify(found()) === JSON.stringify(expected), 5000);
  expect(found()).toEqual(expected);
});

test("what runs as a user of another pod's services is that pod's; of this one's and of any other user's, it is found", async () => {
  const netns = `netbind-${ID}`;
  await exec(["ip", "netns", "add", netns]);
  onTestFinished(async () => void (await exec(["ip", "netns", "delete", netns])));
  const traces = { netns: `/run/netns/${netns}`, logs: [] };
  const users = [0, VM_UIDS.first, SERVICE_UID, SERVICE_UID + 1];
  const inside: ProcessId[] = [];
  for (const uid of users)
    inside.push(await start(["nsenter", `--net=${traces.netns}`, "setpriv", "--reuid", String(uid), "sleep", "600"]));
  expect(await waitUntil(() => processesOfUser(SERVICE_UID + 1).length > 0, 5000)).toBe(true);
  expect(await waitUntil(() => processesOfPod(traces).length === users.length, 5000)).toBe(true);
  const isOthers = (uid: number): boolean => isServiceUid(uid) && uid !== SERVICE_UID;
  const pids = (found: readonly ProcessId[]): readonly number[] => found.map(({ pid }) => pid).sort((a, b) => a - b);
  expect(pids(processesOfPod({ ...traces, isOthers }))).toEqual(pids(inside.slice(0, 3)));
});

test("gc ends what is in a dead VM's namespace, and nothing that has a recorded process' number", async () => {
  const innocent = await start(["sleep", "600"]);
  const netns = `netbind-${ID}`;
  await exec(["ip", "netns", "add", netns]);
  const inside = await start(["nsenter", `--net=/run/netns/${netns}`, "sleep", "600"]);
  record(netns, [{ role: "launcher", processes: [{ pid: innocent.pid, startTime: innocent.startTime - 1 }] }]);
  expect(await collectGarbage(state, exec)).toEqual({ removed: ["default/vm"], failed: [] });
  expect(isAlive(innocent)).toBe(true);
  expect(isAlive(inside)).toBe(false);
  expect(existsSync(`/run/netns/${netns}`)).toBe(false);
});
