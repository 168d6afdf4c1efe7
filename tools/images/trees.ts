/** Root file systems of images, made of files alone: no script of a package runs, so any architecture is made on any other. */
import { chmodSync, globSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Architecture, PACKAGE_SETS, type PackageSet, type SetName } from "../../sidecars/images/recipes.ts";
import { workDirectory } from "./cache.ts";
import { exec } from "./exec.ts";
import { cachedFile } from "./fetch.ts";
import type { Lock, LockedFile, LockedPackage } from "./lock.ts";

/** Manuals, translations and the like. What says whom a package belongs to stays. */
const NEVER_READ = [
  ...["bug", "doc-base", "info", "lintian", "locale", "man"].map((name) => `usr/share/${name}`),
  ...[
    "usr/share/bash-completion",
    "usr/share/zsh",
    "etc/init.d",
    "etc/cron.*",
    "etc/update-motd.d",
    "usr/lib/systemd/system",
  ],
];
/** GNU's name of each architecture, before the names of its tools. */
export const GNU_NAMES = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const satisfies Record<
  Architecture,
  string
>;

const write = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o644 });
};

/** Unpacks a package, and records it where tools that list an image's packages look. */
async function unpack(tree: string, one: LockedPackage): Promise<void> {
  await exec(["dpkg-deb", "--extract", cachedFile(one), tree]);
  const control = await exec(["dpkg-deb", "--field", cachedFile(one)]);
  write(
    join(tree, "var/lib/dpkg/status.d", one.name),
    control.replace(/^(Package: .*\n)/, "$1Status: install ok installed\n"),
  );
}

function dropUnread(tree: string, patterns: readonly string[]): void {
  for (const path of globSync([...NEVER_READ, ...patterns], { cwd: tree }))
    rmSync(join(tree, path), { recursive: true });
  for (const entry of globSync("usr/share/doc/*/*", { cwd: tree }))
    if (!/\/copyright$/.test(entry)) rmSync(join(tree, entry), { recursive: true });
}

/** Puts the runtime in place, without its symbols: they are a tenth of it, and a debugger's alone. */
async function addRuntime(tree: string, locked: LockedFile, architecture: Architecture): Promise<void> {
  using work = workDirectory();
  await exec([
    "tar",
    "-C",
    work.path,
    "--strip-components=1",
    "-xzf",
    cachedFile(locked),
    "package/bin/node",
    "package/LICENSE",
  ]);
  const [target, license] = [join(tree, "usr/bin/node"), join(tree, "usr/share/doc/node/copyright")];
  for (const file of [target, license]) mkdirSync(dirname(file), { recursive: true });
  await exec([`${GNU_NAMES[architecture]}-strip`, "--strip-all", "-o", target, join(work.path, "bin/node")]);
  await exec(["install", "-m", "0644", join(work.path, "LICENSE"), license]);
  chmodSync(target, 0o755);
}

/** Names for the numbers that run things. */
function addUsers(tree: string, users: Readonly<Record<string, number>>): void {
  const named = Object.entries({ root: 0, ...users, nobody: 65534 });
  const home = (name: string): string => (name === "root" ? "/root" : "/");
  write(
    join(tree, "etc/passwd"),
    named.map(([name, id]) => `${name}:x:${id}:${id}:${name}:${home(name)}:/usr/sbin/nologin\n`).join(""),
  );
  write(join(tree, "etc/group"), named.map(([name, id]) => `${name}:x:${id}:\n`).join(""));
  write(join(tree, "etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n");
}

/** The locked packages of a set, the one that has the file system's outline first. */
export const packagesOf = (lock: Lock, set: SetName, architecture: Architecture): readonly LockedPackage[] =>
  [...(lock.sets[set].packages[architecture] ?? [])].sort(
    (a, b) => Number(b.name === "base-files") - Number(a.name === "base-files"),
  );

/** Makes the files of a package set in an empty directory; what it needs has been fetched. */
export async function makeTree(tree: string, name: SetName, architecture: Architecture, lock: Lock): Promise<void> {
  const { hasRuntime, users, directories, drop, on }: PackageSet = PACKAGE_SETS[name];
  for (const one of packagesOf(lock, name, architecture)) await unpack(tree, one);
  dropUnread(tree, drop);
  const runtime = lock.runtime[architecture];
  if (hasRuntime && runtime !== undefined) await addRuntime(tree, runtime, architecture);
  if (on === undefined) addUsers(tree, users);
  for (const directory of directories) mkdirSync(join(tree, directory), { recursive: true, mode: 0o755 });
  // No process becomes another user inside an image.
  await exec(["chmod", "--recursive", "u-s,g-s", ...readdirSync(tree).map((entry) => join(tree, entry))]);
}

/**
 * Packs a tree into a layer that depends on nothing but its files' names, modes and contents; with `mode`, as chmod takes
 * it, not on theirs either.
 */
export async function packLayer(tree: string, layer: string, sourceDate: number, mode?: string): Promise<void> {
  chmodSync(tree, 0o755);
  const same = ["--sort=name", `--mtime=@${sourceDate}`, "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  const modes = mode === undefined ? [] : [`--mode=${mode}`];
  await exec(["tar", ...same, ...modes, "-C", tree, "-cf", layer, "."]);
}
