/** Who looks for a pod's process reads what cannot be forged first, and no more than so much of what the pod can make longer. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findPodProcess, LAUNCHER_UID, mountSource, type PodTraits } from "@netbind/agent";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WITH_COMPILED } from "../support/build/programs.ts";

const AS_LAUNCHER = ["setpriv", "--reuid", String(LAUNCHER_UID), "--regid", String(LAUNCHER_UID), "--clear-groups"];

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-process-"));
  mkdirSync(join(directory, "hooks"));
  chmodSync(directory, 0o755);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.stdin?.end();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  rmSync(directory, { recursive: true });
});

/** Starts a shell that says when it is ready, and ends with its input. Gives its number, or that of the process that it tells. */
async function start(argv: readonly string[], script: string): Promise<number> {
  const [file = "", ...args] = [...argv, "sh", "-c", script, "sh", join(directory, "hooks")];
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [reported] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return Number(reported.toString().trim());
}

/** A process that has the sidecar's directory mounted, as a container of the pod has: in a mount namespace that root made. */
const startSidecar = (): Promise<number> =>
  start(
    ["unshare", "--mount", "--propagation", "private"],
    `mount --bind "$1" /mnt && exec ${AS_LAUNCHER.join(" ")} sh -c 'echo $$; exec cat'`,
  );

/** Processes of the same user with thousands of mounts, the sidecar's directory among them, in a user namespace of their own. */
const startHostile = (): Promise<number> =>
  start(
    [...AS_LAUNCHER, "unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"],
    `set -e; mount --bind "$1" /mnt; mount -t tmpfs tmpfs /tmp
     for name in a b c d e f g h i j k l m; do mkdir /tmp/$name; mount --rbind /tmp /tmp/$name; done
     pids=; for at in $(seq 40); do sleep 600 & pids="$pids $!"; done; echo $$; cat; kill $pids`,
  );

const POD = "11111111-2222-3333-4444-555555555555";
const OTHER = "66666666-7777-8888-9999-aaaaaaaaaaaa";
const traits = (): PodTraits => ({ source: mountSource(join(directory, "hooks")), uid: LAUNCHER_UID, podUid: POD });

/** Searches where the kernel tells these control groups of processes, by their numbers; the answer is a number or an error's name. */
async function searchWhere(groups: ReadonlyMap<number, string>): Promise<string> {
  const binds = [...groups].map(([pid, path]) => {
    const file = join(directory, `cgroup-${pid}`);
    writeFileSync(file, `0::${path}\n`);
    return `mount --bind ${file} /proc/${pid}/cgroup`;
  });
  const program = `const { findPodProcess } = await import("@netbind/agent");
    await findPodProcess(${JSON.stringify(traits())}).then(({ pid }) => console.log(pid), ({ name }) => console.log(name));`;
  const node = [process.execPath, "--conditions=@netbind/source", "--input-type=module", "--eval", program];
  const argv = [
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-e",
    "-c",
    [...binds, 'exec "$@"'].join("\n"),
    "sh",
    ...node,
  ];
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { stdout } = await promisify(execFile)("unshare", argv, { cwd, env: { ...process.env, ...WITH_COMPILED } });
  return stdout.trim();
}

const slice = (uid: string): string =>
  `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll("-", "_")}.slice`;
const cgroupfs = (uid: string): string => `/kubepods/burstable/pod${uid}`;

const mountsOf = (pid: number): number => readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n").length;

/** The processor's time that a search takes, in milliseconds. */
async function costOf(search: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await search();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test("the process of a container is found; one that mounted the directory in a user namespace of its own is not", async () => {
  const hostile = await startHostile();
  expect(mountsOf(hostile)).toBeGreaterThan(8000);
  await expect(findPodProcess(traits())).rejects.toMatchObject({ name: "NotReadyError" });
  const sidecar = await startSidecar();
  expect((await findPodProcess(traits())).pid).toBe(sidecar);
});

test.each([
  ["systemd", slice],
  ["cgroupfs", cgroupfs],
])("a process in another pod's control group is not taken, whatever it has mounted (%s)", async (_, groupOf) => {
  const sidecar = await startSidecar();
  const search = (path: string): Promise<string> => searchWhere(new Map([[sidecar, path]]));
  expect(await search(`${groupOf(OTHER)}/cri-containerd-1.scope`)).toBe("NotReadyError");
  expect(await search(`${groupOf(POD)}/cri-containerd-1.scope`)).toBe(String(sidecar));
  // Seen from a control group namespace of the agent's own, and on a node that is itself in a pod.
  expect(await search(`/../..${groupOf(OTHER)}/1`)).toBe("NotReadyError");
  expect(await search(`/../..${groupOf(POD)}/1`)).toBe(String(sidecar));
  expect(await search(`${groupOf(OTHER)}/kubelet${groupOf(POD)}/1`)).toBe(String(sidecar));
  // Nothing tells.
  expect(await search("/system.slice/crun-1.scope")).toBe(String(sidecar));
});

test("beside a process in the pod's control group, one outside every pod's is not taken", async () => {
  const [visitor, sidecar] = [await startSidecar(), await startSidecar()];
  const groups = (of: number): Map<number, string> =>
    new Map(
      [visitor, sidecar].map((pid) => [pid, pid === of ? `${slice(POD)}/cri-containerd-1.scope` : "/user.slice"]),
    );
  expect(await searchWhere(groups(sidecar))).toBe(String(sidecar));
  expect(await searchWhere(groups(visitor))).toBe(String(visitor));
});

test("thousands of mounts of a pod's own cost the agent nothing, and other work goes on meanwhile", async () => {
  await startSidecar();
  const search = () => findPodProcess(traits());
  await search();
  const without = Math.min(await costOf(search), await costOf(search), await costOf(search));
  const hostile = await startHostile();
  expect(mountsOf(hostile)).toBeGreaterThan(8000);
  const beside = Math.min(await costOf(search), await costOf(search), await costOf(search));
  // One of forty mount tables alone takes longer than that.
  expect(beside).toBeLessThan(3 * without + 20);
  let turns = 0;
  const other = setInterval(() => turns++, 0);
  await search();
  clearInterval(other);
  expect(turns).toBeGreaterThan(0);
});
