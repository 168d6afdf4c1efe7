/** What a VM's users may write is one file system in memory for each VM: a hostile one fills its own, and nothing else. */
import { readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { findVm, type LocalPodRecord } from "@netbind/local";
import { exec, waitUntil } from "@netbind/netns";
import { expect, test } from "vitest";
import { WRITABLE_SIZE, writableDirectory } from "../../core/local/src/pod/writable.ts";
import { demoVmi } from "../demo/vmi.ts";
import { bundlePlugin } from "../support/build/bundle.ts";
import { useLab } from "../support/guest/lab.ts";
import { machineState } from "../support/guest/machine.ts";
import { netbind, type Outcome } from "../support/guest/netbind.ts";

const lab = useLab();
const MIB = 1024 ** 2;
const call = (...args: readonly string[]): Promise<Outcome> => netbind(args, { env: lab.env });

async function stopped(name: string): Promise<void> {
  const outcome = await call("stop", "--force", name);
  expect(outcome.code, outcome.stderr).toBe(0);
}

const hostileVmi = demoVmi({ name: "full", port: 80, nonce: "x" })
  .replaceAll("name: red", "name: fills")
  .replace("masquerade: {}", "binding: {name: hostile}");

/** Makes a file as the VM's user. */
const touchAs = ({ vmUid }: LocalPodRecord, path: string): Promise<string> =>
  exec([
    ...["setpriv", "--reuid", String(vmUid), "--regid", String(vmUid), "--clear-groups", "--no-new-privs"],
    ...["touch", path],
  ]);

/** What the sidecar said of how far it came. */
async function filled(record: LocalPodRecord): Promise<string> {
  const log = join(lab.state.podDirectory(record.id), "hook-sidecar-0.log");
  const printed = (): string => readFileSync(log, "utf8");
  await waitUntil(() => /^names: /m.test(printed()), 30_000);
  return printed();
}

test("a sidecar that fills its directory fills its VM's alone: other VMs run on, an unmounted one is said, nothing stays", async () => {
  await lab.start(hostileVmi, "--plugin", bundlePlugin("hostile", lab.directory), "--wait", "0");
  await lab.start(demoVmi({ name: "other", port: 80, nonce: "x" }), "--wait", "0");
  const [full, other] = [findVm(lab.state, "full"), findVm(lab.state, "other")];
  const [own, theirs] = [full, other].map((record) => writableDirectory(lab.state, record)) as [string, string];
  expect(new Set([own, theirs, lab.directory].map((path) => statSync(path).dev)).size).toBe(3);
  const free = (): number => statfsSync(lab.directory).bavail * statfsSync(lab.directory).bsize;
  const before = free();

  const usual = statfsSync(own);
  expect((usual.blocks - usual.bfree) * usual.bsize, "what a pod takes by itself").toBeLessThan(MIB);
  expect(usual.files - usual.ffree, "what a pod takes by itself").toBeLessThan(200);
  await touchAs(full, join(own, "hooks/hook-sidecar-0/fill"));
  const printed = await filled(full);
  expect(printed).toMatch(/MiB: ENOSPC behind \d+$/m);
  expect(printed).toMatch(/names: ENOSPC behind \d+$/m);
  expect(statfsSync(own)).toMatchObject({ bavail: 0, files: WRITABLE_SIZE.inodes });
  expect(statfsSync(own).blocks * statfsSync(own).bsize).toBe(WRITABLE_SIZE.bytes);
  expect(before - free(), "what the state directory's file system lost").toBeLessThan(8 * MIB);
  expect(statfsSync(theirs).ffree).toBeGreaterThan(WRITABLE_SIZE.inodes / 2);

  expect((await call("check", "other")).stdout).toContain("healthy");
  await stopped("full");
  const { mounts } = await machineState();
  expect(mounts.filter((path) => !path.startsWith(`${lab.state.node}/`))).toEqual([lab.state.writable(other.id)]);
  expect((await call("check")).stdout).toBe("default/other: healthy\n");

  await exec(["umount", "--lazy", lab.state.writable(other.id)]);
  for (const command of ["check", "apply"] as const) {
    const { code, stdout } = await call(command, "other");
    expect([command, code, stdout]).toEqual([command, 1, expect.stringContaining("is not mounted any longer")]);
  }
  expect(readdirSync(lab.state.writable(other.id)), "what apply wrote to the machine's own").toEqual([]);
  await stopped("other");
  expect(await machineState()).toMatchObject({ mounts: [], files: [], processes: [] });
});
