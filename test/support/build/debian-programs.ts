/** Programs out of Debian packages, unpacked beside the machine: installing them would start their daemons on it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stateDirectories } from "@netbind/local";
import { exec } from "@netbind/netns";

const DEADLINE = 5 * 60_000;

/** The version of a package that the machine's archive serves. */
async function candidate(name: string): Promise<string> {
  const version = /^ *Candidate: (\S+)$/m.exec(await exec(["apt-cache", "policy", name]))?.[1];
  if (version === undefined || version === "(none)")
    throw new Error(`the Debian package "${name}" is not known here: run "apt-get update", and try again`);
  return version;
}

const unpacked = new Map<string, Promise<string>>();

/** Unpacks a package into the cache, once for each version, whole or not at all. Gives the directory that stands for `/`. */
export function unpackDebian(name: string): Promise<string> {
  const before = unpacked.get(name);
  if (before !== undefined) return before;
  const now = unpack(name);
  unpacked.set(name, now);
  return now;
}

async function unpack(name: string): Promise<string> {
  const directory = join(stateDirectories(process.env).cache, "debian-programs");
  const target = join(directory, `${name}_${(await candidate(name)).replaceAll(/[^\w.+~-]/g, "_")}`);
  if (existsSync(target)) return target;
  mkdirSync(directory, { recursive: true });
  const workspace = mkdtempSync(`${target}.`);
  try {
    // apt drops its privileges for downloads where its own user could write them: here root alone may.
    const script = 'cd "$1" && apt-get -qq -o APT::Sandbox::User=root download "$2"';
    await exec(["sh", "-c", script, "sh", workspace, name], { deadline: DEADLINE });
    const [file = ""] = readdirSync(workspace);
    await exec(["dpkg-deb", "-x", join(workspace, file), join(workspace, "root")]);
    renameSync(join(workspace, "root"), target);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
  return target;
}
