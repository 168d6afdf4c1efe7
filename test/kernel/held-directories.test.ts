/** What a VM's user puts into its own directories leads nobody elsewhere: not root, and not that user in root's service. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { HeldDirectory } from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeSockets } from "../../core/local/src/pod/sidecar-paths.ts";
import { makeStateDirectory } from "../support/guest/machine.ts";

const USER = { uid: 1_920_000_123, gid: 1_920_000_123 };
const CONTAINER = "hook-sidecar-0";

/** A directory of root's. */
let base: string;

beforeEach(() => {
  base = makeStateDirectory("held");
  chmodSync(base, 0o711);
  execFileSync("install", ["-d", "-o", String(USER.uid), "-g", String(USER.gid), join(base, CONTAINER)]);
});
afterEach(() => rmSync(base, { recursive: true }));

/** Does something as the VM's user in its own directory. */
function asUser(script: string, ...args: readonly string[]): void {
  const user = ["--reuid", String(USER.uid), "--regid", String(USER.gid), "--clear-groups"];
  execFileSync("setpriv", [...user, "sh", "-c", script, "sh", ...args], { cwd: join(base, CONTAINER) });
}

/** A directory of the machine's that everybody may write to, as the VM's user may: it sees nothing of it from its sandbox. */
function sharedDirectory(): string {
  const shared = join(base, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  writeFileSync(join(shared, "attach.sock"), "another's");
  return shared;
}

const sidecar = () => ({ base, components: [CONTAINER], uid: USER.uid });

test("a sidecar's old socket is not removed through a link that the VM's user put there", async () => {
  const shared = sharedDirectory();
  asUser('ln -s "$1" netbind', shared);
  await removeSockets(exec, USER, sidecar());
  expect(readFileSync(join(shared, "attach.sock"), "utf8")).toBe("another's");
});

test("a sidecar's old socket is removed, whatever is in its place by now", async () => {
  asUser("mkdir -p netbind/attach.sock/full/of/it");
  await removeSockets(exec, USER, sidecar());
  expect(readdirSync(join(base, CONTAINER, "netbind"))).toEqual([]);
});

test("no more of a held file is read than may be, however long its owner makes it meanwhile", () => {
  // A file of /proc says that it is empty, as one does that its owner writes to a moment later.
  using directory = HeldDirectory.open("/proc/self", []);
  expect(() => directory.read("status", 32)).toThrow('"status" is not a regular file of at most 32 bytes');
  expect(directory.read("status", 64 * 1024)).toContain("Name:");
});

test("a seal that cannot be put in its place leaves nothing beside it, and says so", () => {
  asUser("mkdir -p attach.seal/full");
  using directory = HeldDirectory.open(base, [CONTAINER]);
  expect(() => directory.write("attach.seal", "text", "0123")).toThrow('"attach.seal" cannot be put in its place');
  expect(readdirSync(join(base, CONTAINER))).toEqual(["attach.seal"]);
  expect(existsSync(join(base, CONTAINER, "attach.seal", "full"))).toBe(true);
});
