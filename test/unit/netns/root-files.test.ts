/** Files by path: only where all on the way is root's. */
import {
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "@netbind/netns";
import { VM_UIDS } from "@netbind/pod";
import { HeldDirectory } from "@netbind/remote/sidecar";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepLog } from "../../../core/local/src/record/kept-logs.ts";
import { ForeignPathError } from "../../../core/netns/src/errors.ts";
import * as files from "../../../core/netns/src/files/root-files.ts";

const USER = { uid: VM_UIDS.first + 9, gid: VM_UIDS.first + 9 };

let directory: string;
let theirs: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "netbind-root-files-"));
  theirs = join(directory, "theirs");
  mkdirSync(join(theirs, "deep"), { recursive: true });
  writeFileSync(join(theirs, "deep/file"), "text");
  chownSync(theirs, USER.uid, USER.gid);
});
afterEach(() => rmSync(directory, { recursive: true }));

test("whatever is to be done below a user's directory, at any depth, is refused before it is done", async () => {
  const path = join(theirs, "deep/file");
  const own = join(directory, "own");
  const attempts: readonly (() => unknown)[] = [
    ...[() => files.exists(path), () => files.readText(path), () => files.namesIn(join(theirs, "deep"))],
    ...[() => files.writeText(path, "", 0o600), () => files.writeNew(`${path}2`, "", 0o600), () => files.openLog(path)],
    ...[() => files.makeDirectory(join(theirs, "new")), () => files.makeUserDirectory(join(theirs, "new"), USER)],
    ...[
      () => files.rename(path, own),
      () => files.rename(own, path),
      () => files.removeFile(path),
      () => files.shareFile(path, 0),
    ],
    ...[() => files.installFile("/etc/hostname", path, 0o600), () => new files.UserTree(join(theirs, "tree"))],
  ];
  for (const attempt of attempts) expect(attempt).toThrow(ForeignPathError);
  await expect(files.removeTree(exec, join(theirs, "deep"))).rejects.toThrow(ForeignPathError);
  expect(readFileSync(path, "utf8")).toBe("text");
  expect(existsSync(own)).toBe(false);
});

test("a link of a user's on the way is refused too, and a user's entry in a directory of root's can be removed whole", async () => {
  const link = join(directory, "link");
  symlinkSync(directory, link);
  await exec(["chown", "--no-dereference", `${USER.uid}`, link]);
  expect(() => files.readText(join(link, "theirs"))).toThrow(/belongs to uid/);
  const victim = join(directory, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "kept"), "kept");
  symlinkSync(victim, join(theirs, "out"));
  await files.removeTree(exec, theirs);
  expect(existsSync(theirs)).toBe(false);
  expect(readFileSync(join(victim, "kept"), "utf8")).toBe("kept");
});

test("a tree is root's until all is in it, and its user's then; one that is there is not taken", () => {
  const path = join(directory, "tree");
  const tree = new files.UserTree(path);
  tree.makeDirectory("a", "b");
  tree.makeDirectory("a", "c");
  tree.writeText("text", "a", "b", "file");
  for (const name of ["", "a", "a/b", "a/b/file"]) expect(lstatSync(join(path, name)).uid, name).toBe(0);
  expect(lstatSync(path).mode & 0o777).toBe(0o700);
  tree.giveTo(USER);
  for (const name of ["", "a", "a/b", "a/c", "a/b/file"]) expect(lstatSync(join(path, name)), name).toMatchObject(USER);
  expect(() => new files.UserTree(path)).toThrow(/EEXIST/);
});

test("a directory that another made first, or a link of his, is neither taken nor changed; an administrator's link is", () => {
  const victim = join(directory, "victim");
  mkdirSync(victim, { mode: 0o755 });
  const link = join(directory, "logs");
  symlinkSync(victim, link);
  lchownSync(link, USER.uid, USER.gid);
  expect(() => files.makeDirectory(link, 0o700)).toThrow(ForeignPathError);
  expect(() => files.makeDirectory(theirs, 0o700)).toThrow(ForeignPathError);
  expect(keepLog(link, "log", "text")).toBeUndefined();
  expect(lstatSync(victim).mode & 0o777).toBe(0o755);
  lchownSync(link, 0, 0);
  expect(keepLog(link, "log", "text")).toBe(join(link, "log"));
  expect(lstatSync(victim).mode & 0o777).toBe(0o700);
});

test("what a user filled is removed in one go, however long that takes", async () => {
  const deadlines: unknown[] = [];
  await files.removeTree((argv, options) => {
    deadlines.push(options?.deadline);
    return exec(argv, options);
  }, theirs);
  expect(existsSync(theirs)).toBe(false);
  expect(deadlines).toEqual([600_000]);
});

test("files have the mode that they are to have, whatever the caller's umask", () => {
  const before = process.umask(0o077);
  try {
    files.writeText(join(directory, "text"), "", 0o644);
    files.writeNew(join(directory, "new"), "", 0o644);
    using held = HeldDirectory.open(directory, []);
    held.write("seal", "", "next");
  } finally {
    process.umask(before);
  }
  const modes = ["text", "new", "seal"].map((name) => lstatSync(join(directory, name)).mode & 0o777);
  expect(modes).toEqual([0o644, 0o644, 0o444]);
});

test("a directory that no file system takes is refused at once", () => {
  expect(() => files.makeDirectory("/proc/netbind/state")).toThrow(/ENOENT/);
  expect(() => files.makeDirectory("/etc/passwd/state")).toThrow(/ENOTDIR/);
});
