/** Where the agent asks bindings: a process plans for every VM of its binding, so its place must be nobody else's. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Binding, defineBinding } from "@netbind/contract";
import { BindingRegistry } from "@netbind/agent";
import { addBinding, listenUnix, makeServer } from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";

const AGENT = fileURLToPath(new URL("../../../core/agent/src/main.ts", import.meta.url));
const NOBODY = 65_534;

const bindingOf = (takesPodMac: boolean): Binding =>
  defineBinding({
    name: "theirs",
    contract: "v1alpha1",
    migration: "none",
    takesPodMac,
    plan: () => ({ domain: { kind: "tap" } }),
  });

let directory: string;
const undo: (() => void)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-bindings-"));
});
afterEach(() => {
  for (const step of undo.splice(0)) step();
  rmSync(directory, { recursive: true });
});

/** Serves a binding as its process does; what it tells of itself is told by `takesPodMac`. */
async function serve(name: string, takesPodMac = true): Promise<string> {
  mkdirSync(join(directory, name), { recursive: true });
  const server = makeServer();
  addBinding(server, bindingOf(takesPodMac));
  const socket = join(directory, name, "binding.sock");
  rmSync(socket, { force: true });
  await listenUnix(server, socket);
  undo.push(() => server.forceShutdown());
  return socket;
}

function bindings(
  change: { readonly users?: Record<string, number>; readonly overrides?: readonly string[] } = {},
): BindingRegistry {
  const made = new BindingRegistry({
    own: new Map([["ours", bindingOf(false)]]),
    sockets: { directory, users: new Map(Object.entries(change.users ?? {})), overrides: new Set(change.overrides) },
    grants: { released: {} },
  });
  undo.push(() => made[Symbol.dispose]());
  return made;
}

const takesPodMac = async (made: BindingRegistry, name: string): Promise<boolean | undefined> =>
  (await made.find(name))?.takesPodMac;

test("a process is asked in its own directory; where there is none, the binding is nobody's here", async () => {
  await serve("theirs");
  const made = bindings();
  expect([await takesPodMac(made, "theirs"), await takesPodMac(made, "other")]).toEqual([true, undefined]);
});

test("a directory's presence never puts a process in the place of this release's binding: it must be named", async () => {
  await serve("ours");
  expect(await takesPodMac(bindings(), "ours")).toBe(false);
  expect(await takesPodMac(bindings({ overrides: ["ours"] }), "ours")).toBe(true);
});

test("a binding that is overridden waits for its process, and never falls back", async () => {
  const made = bindings({ overrides: ["ours"] });
  await expect(made.find("ours")).rejects.toMatchObject({ name: "NotReadyError" });
  mkdirSync(join(directory, "theirs"));
  await expect(made.find("theirs")).rejects.toMatchObject({ name: "NotReadyError" });
});

test.each<readonly [string, (socket: string) => void, RegExp]>([
  [
    "a directory of another user",
    () => chownSync(join(directory, "theirs"), NOBODY, 0),
    /belongs to uid 65534 .* must belong to uid 0/,
  ],
  ["a directory that everybody writes to", () => chmodSync(join(directory, "theirs"), 0o777), /mode 777/],
  ["a directory that a group writes to", () => chmodSync(join(directory, "theirs"), 0o775), /mode 775/],
  ["a socket of another user", (socket) => chownSync(socket, NOBODY, 0), /belongs to uid 65534, not to 0/],
  [
    "a link to a directory",
    () => {
      renameSync(join(directory, "theirs"), join(directory, "elsewhere"));
      symlinkSync(join(directory, "elsewhere"), join(directory, "theirs"));
    },
    /is not a directory, or is a link/,
  ],
  [
    "a link to a socket",
    (socket) => {
      renameSync(socket, `${socket}.real`);
      symlinkSync(`${socket}.real`, socket);
    },
    /is not a socket/,
  ],
  [
    "a file",
    (socket) => {
      rmSync(socket);
      writeFileSync(socket, "");
    },
    /is not a socket/,
  ],
])("%s is not asked", async (_, change, words) => {
  change(await serve("theirs"));
  await expect(bindings().find("theirs")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(words),
  });
});

test("a process of a user that the administrator names has a directory and a socket of its own", async () => {
  const socket = await serve("theirs");
  chownSync(join(directory, "theirs"), NOBODY, 0);
  chownSync(socket, NOBODY, 0);
  expect(await takesPodMac(bindings({ users: { theirs: NOBODY } }), "theirs")).toBe(true);
  chownSync(socket, 1000, 0);
  await expect(bindings({ users: { theirs: NOBODY } }).find("theirs")).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("a process that was started again is asked, not the one before", async () => {
  const made = bindings();
  await serve("theirs", true);
  expect(await takesPodMac(made, "theirs")).toBe(true);
  await serve("theirs", false);
  expect(await takesPodMac(made, "theirs")).toBe(false);
});

test("a name that is a path out of the directory is nobody's", async () => {
  const outside = createServer().listen(join(directory, "binding.sock"));
  undo.push(() => outside.close());
  mkdirSync(join(directory, "a/b"), { recursive: true });
  const made = bindings();
  for (const name of ["..", ".", "a/b", "", "/", "x".repeat(300), "\u0000"])
    expect(await made.find(name)).toBe(undefined);
});

test.each([
  [["--override", "passt"], "name that directory"],
  [["--bindings", "/run", "--binding-user", "passt"], '"passt" is not NAME=UID'],
  [["--bindings", "/run", "--binding-user", "passt=99999999999"], "is not NAME=UID"],
  [["--state", "/etc/passwd/state"], "/etc/passwd/state/pods cannot be made (ENOTDIR): mount a directory"],
])("an agent that is told %j does not start", (args, words) => {
  const all = [
    "--conditions=@netbind/source",
    AGENT,
    "--node",
    "n",
    "--objects",
    directory,
    ...["--node-netns", "/proc/self/ns/net", "--state", join(directory, "state")],
    ...args,
  ];
  const { status, stderr } = spawnSync(process.execPath, all, { encoding: "utf8", timeout: 30_000 });
  expect([status, stderr]).toEqual([2, expect.stringContaining(words)]);
});
