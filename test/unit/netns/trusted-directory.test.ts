/** Directories in which root works are root's alone: another user who could change them would choose its files. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { State, stateDirectories } from "@netbind/local";
import { checkTrustedDirectory, takeLock } from "@netbind/netns";
import { afterEach, beforeEach, expect, test } from "vitest";
import { COMPILED, netbind } from "../../support/guest/netbind.ts";

const AGENT = fileURLToPath(new URL("../../../core/agent/src/main.ts", import.meta.url));
/** Most of what a short call takes is reading its sources. */
const ENV: NodeJS.ProcessEnv = { ...process.env, NODE_COMPILE_CACHE: COMPILED };
const OTHER = 1000;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-trusted-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Makes a directory that is not to be trusted. Gives its path, and what must be said of it. */
const WEAK: Readonly<Record<string, () => readonly [string, RegExp]>> = {
  "that belongs to somebody": () => {
    const path = join(directory, "own");
    mkdirSync(path);
    chownSync(path, OTHER, OTHER);
    return [path, /own is not trusted: it belongs to uid 1000: chown root:root \S+own && chmod go-w/];
  },
  "that everybody writes to": () => {
    const path = join(directory, "open");
    mkdirSync(path);
    chmodSync(path, 0o1777);
    return [path, /open is not trusted: its mode 1777 lets others write to it/];
  },
  "that a group writes to": () => {
    const path = join(directory, "group");
    mkdirSync(path);
    chmodSync(path, 0o775);
    return [path, /its mode 775 lets others write to it/];
  },
  "that is a link": () => {
    const path = join(directory, "link");
    symlinkSync(directory, path);
    return [path, /link is not trusted: it is a link: remove it/];
  },
  "that is a file": () => {
    const path = join(directory, "file");
    writeFileSync(path, "");
    return [path, /it is not a directory/];
  },
  "that is not there, in another user's": () => {
    chownSync(directory, OTHER, OTHER);
    return [join(directory, "a/b"), /it belongs to uid 1000, and \S+a\/b is in it/];
  },
  "in one that everybody writes to": () => {
    chmodSync(directory, 0o777);
    mkdirSync(join(directory, "x"));
    return [join(directory, "x"), /its mode 777 lets others write to it, and \S+x is in it/];
  },
  "behind a link to another user's": () => {
    const [hers, way] = [join(directory, "hers"), join(directory, "way")];
    mkdirSync(join(hers, "x"), { recursive: true });
    chownSync(hers, OTHER, OTHER);
    symlinkSync(hers, way);
    return [join(way, "x"), /hers is not trusted: it belongs to uid 1000/];
  },
};

test.each(Object.entries(WEAK))("a directory %s is refused, with what to do", (_, make) => {
  const [path, words] = make();
  expect(() => checkTrustedDirectory(path, "NETBIND_STATE_DIR")).toThrow(words);
});

test("root's own is taken, also where a sticky directory or a link of root's is above, and where it is not there yet", () => {
  mkdirSync(join(directory, "real/x"), { recursive: true });
  symlinkSync(join(directory, "real"), join(directory, "link"));
  for (const path of ["real", "real/x", "link/x", "none/of/it"])
    checkTrustedDirectory(join(directory, path), "--state");
  checkTrustedDirectory("/run/netbind", "NETBIND_STATE_DIR");
});

test("netbind and the agent refuse such directories before they do anything in them", async () => {
  const path = join(directory, "open");
  mkdirSync(path);
  chmodSync(path, 0o777);
  for (const name of ["NETBIND_STATE_DIR", "NETBIND_CACHE_DIR"])
    for (const command of ["status", "gc"]) {
      const { code, stdout, stderr } = await netbind([command], {
        env: { NETBIND_STATE_DIR: join(directory, "good"), [name]: path },
      });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(`${name}: ${path} is not trusted`);
    }
  for (const option of ["--state", "--objects", "--bindings"]) {
    const places = { "--state": join(directory, "good"), "--objects": join(directory, "good"), [option]: path };
    const args = ["--conditions=@netbind/source", AGENT, "--node", "n", ...Object.entries(places).flat()];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: ENV });
    expect([status, stderr]).toEqual([2, expect.stringContaining(`${option}: ${path} is not trusted`)]);
  }
  expect([readdirSync(path), existsSync(join(directory, "good"))]).toEqual([[], false]);
});

test("a log level that is none is one line with those that are, of netbind and of the agent", async () => {
  const printed = 'NETBIND_LOG is "loud": name one of trace, debug, info, warn, error, fatal, silent\n';
  const env = { NETBIND_STATE_DIR: join(directory, "good"), NETBIND_LOG: "loud" };
  expect(await netbind(["gc"], { env })).toMatchObject({ code: 1, stdout: "", stderr: `netbind: ${printed}` });
  const args = [
    "--conditions=@netbind/source",
    AGENT,
    "--node",
    "n",
    "--state",
    join(directory, "good"),
    "--objects",
    directory,
  ];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...ENV, NETBIND_LOG: "loud" },
  });
  expect([status, stderr]).toEqual([2, printed]);
});

test("locks are files of their owner alone, in a directory of his alone", async () => {
  const state = new State({
    state: join(directory, "state"),
    cache: join(directory, "cache"),
    logs: join(directory, "logs"),
  });
  state.prepare();
  expect(statSync(join(state.root, "locks")).mode & 0o777).toBe(0o700);
  await using _ = await takeLock(join(state.root, "node.lock"), "the node");
  expect(statSync(join(state.root, "node.lock")).mode & 0o777).toBe(0o600);
});

test("directories have one absolute form, an empty variable names none, and no VM gets a disk of any", () => {
  const here = stateDirectories({
    NETBIND_STATE_DIR: "state",
    NETBIND_CACHE_DIR: "/var/../tmp//c/",
    NETBIND_LOG_DIR: "",
  });
  expect(here).toEqual({ state: join(process.cwd(), "state"), cache: "/tmp/c", logs: stateDirectories({}).logs });
  expect(stateDirectories({ NETBIND_STATE_DIR: "" })).toEqual(stateDirectories({}));
  expect(new State(here).own).toEqual(Object.values(here));
});
