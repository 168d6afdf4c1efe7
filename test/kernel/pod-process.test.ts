/** Who looks for a pod's process reads what cannot be forged first, and no more than so much of what the pod can make longer. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPodProcess, LAUNCHER_UID, mountSource } from "@netbind/kube";
import { afterEach, beforeEach, expect, test } from "vitest";

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
  const [told] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return Number(told.toString().trim());
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

const source = () => mountSource(join(directory, "hooks"));

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
  await expect(findPodProcess(source(), LAUNCHER_UID)).rejects.toMatchObject({ name: "NotYetError" });
  const sidecar = await startSidecar();
  expect((await findPodProcess(source(), LAUNCHER_UID)).pid).toBe(sidecar);
});

test("thousands of mounts of a pod's own cost the agent nothing, and other work goes on meanwhile", async () => {
  await startSidecar();
  const search = () => findPodProcess(source(), LAUNCHER_UID);
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
