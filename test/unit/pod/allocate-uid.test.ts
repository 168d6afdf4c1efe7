import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { State, vmId } from "@netbind/local";
import { chooseUid, mayShareUid, SERVICE_UIDS, VM_UIDS } from "@netbind/pod";
import { processesOfUser, waitUntil } from "@netbind/netns";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freeServiceUid, freeUidsOfVm } from "../../../core/local/src/record/pods.ts";

const PODS = fileURLToPath(new URL("../../../core/local/src/record/pods.ts", import.meta.url));

/** Identities that begin alike, so that their first choices are each other's neighbors. */
const seeds = fc.uniqueArray(
  fc.oneof(
    fc.integer({ min: 0, max: 12 }).map((low) => `00000${low.toString(16)}abcdef`),
    fc.integer({ min: 0, max: 12 }).map((low) => `fffff${low.toString(16)}abcdef`),
    fc.integer({ min: 0, max: 0xffffff }).map((any) => `${any.toString(16).padStart(6, "0")}abcdef`),
  ),
  { maxLength: 40 },
);

test("a user that is chosen by looking at its neighbors alone is nobody else's, and the one that all would have given", () => {
  fc.assert(
    fc.property(seeds, (all) => {
      const chosen: { readonly seed: string; readonly uid: number }[] = [];
      for (const seed of all) {
        const near = chosen.filter((other) => mayShareUid(seed, other.seed));
        const uid = chooseUid(
          SERVICE_UIDS,
          seed,
          near.map((other) => other.uid),
        );
        expect(uid).toBe(
          chooseUid(
            SERVICE_UIDS,
            seed,
            chosen.map((other) => other.uid),
          ),
        );
        chosen.push({ seed, uid });
      }
      expect(new Set(chosen.map(({ uid }) => uid)).size).toBe(all.length);
    }),
  );
});

test("services' users, VMs' users and KubeVirt's are never the same, and the kernel takes them all", () => {
  expect(VM_UIDS.first).toBeGreaterThanOrEqual(SERVICE_UIDS.first + SERVICE_UIDS.count);
  expect(VM_UIDS.first + VM_UIDS.count).toBeLessThan(2 ** 31);
  expect(SERVICE_UIDS.first).toBeGreaterThan(107);
});

/** A program of a process' own, for what it sees in a mount namespace. */
const programOf = (script: string): readonly string[] => [
  ...[process.execPath, "--conditions=@netbind/source", "--input-type=module-typescript"],
  ...["--eval", script],
];

describe("a VM's user", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "netbind-uids-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const stateIn = (name: string): State =>
    new State({ state: join(root, name), cache: join(root, "cache"), logs: join(root, "logs") });
  const vm = vmId("default", "one");
  const freeVmUid = (state: State, id: string): number => freeUidsOfVm(state, id).vmUid;

  test("the same VM of another state directory has another, and the same again in the same", () => {
    const [one, two] = [stateIn("a"), stateIn("b")];
    expect(freeVmUid(one, vm)).toBe(freeVmUid(stateIn("a"), vm));
    expect(freeVmUid(one, vm)).not.toBe(freeVmUid(two, vm));
    expect(freeServiceUid(one, vm)).not.toBe(freeServiceUid(two, vm));
    // A pod's services have the same one, whether it is chosen alone or with the VM's own.
    expect(freeUidsOfVm(one, vm).serviceUid).toBe(freeServiceUid(one, vm));
  });

  test("one that a process has is nobody else's, whatever is recorded", async () => {
    const state = stateIn("a");
    const first = freeVmUid(state, vm);
    const child = spawn("setpriv", [
      "--reuid",
      String(first),
      "--regid",
      String(first),
      "--clear-groups",
      "sleep",
      "60",
    ]);
    try {
      await waitUntil(() => processesOfUser(first).length > 0, 5000);
      expect(freeVmUid(state, vm)).toBe(first + 1);
    } finally {
      child.kill("SIGKILL");
    }
    await new Promise((resolve) => child.once("close", resolve));
    expect(freeVmUid(state, vm)).toBe(first);
  });

  test("one that the machine assigns is not a VM's: by name, or as a range of one of its users", () => {
    const state = stateIn("a");
    const first = freeVmUid(state, vm);
    const choose = (file: string, line: string): number => {
      const own = join(root, "file");
      writeFileSync(own, `${readFileSync(file, "utf8")}${line}\n`);
      const script = `import { State } from "@netbind/local"; import { freeUidsOfVm } from "${PODS}";
        console.log(freeUidsOfVm(new State({ state: "${state.root}", cache: "/nowhere", logs: "/nowhere" }), "${vm}").vmUid)`;
      // A file of the machine's as it is in a mount namespace alone.
      const mounted = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" "$1" && shift && exec "$@"',
        own,
        file,
        ...programOf(script),
      ];
      return Number(execFileSync(mounted[0] ?? "", mounted.slice(1), { cwd: import.meta.dirname, encoding: "utf8" }));
    };
    expect(choose("/etc/passwd", "# nobody")).toBe(first);
    expect(choose("/etc/passwd", `somebody:x:${first}:1:::/bin/sh`)).toBe(first + 1);
    expect(choose("/etc/group", `some:x:${first}:`)).toBe(first + 1);
    expect(choose("/etc/subuid", `somebody:${first - 10}:13`)).toBe(first + 3);
  });

  test("a name service that answers of another number than it was asked for is a failure, not a choice without an end", () => {
    const getent = join(root, "getent");
    writeFileSync(getent, "#!/bin/sh\necho 'other:x:5:'\n", { mode: 0o755 });
    const script = `import { knownUsers } from "@netbind/pod"; knownUsers([1900000001])`;
    const mount = 'mount --bind "$0" /usr/bin/getent && exec "$@"';
    const { stderr, status } = spawnSync("unshare", ["--mount", "sh", "-c", mount, getent, ...programOf(script)], {
      ...{ cwd: import.meta.dirname, encoding: "utf8", timeout: 20_000 },
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain("getent passwd or group 1900000001: it answers of 5, 5: see /etc/nsswitch.conf");
  });
});
