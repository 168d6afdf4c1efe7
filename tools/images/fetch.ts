/** Fetches what a lock names, into a cache by hash. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CommandError } from "../../core/netns/src/exec/exec.ts";
import { packageArchive } from "./archive.ts";
import { cacheDirectory, workDirectory } from "./cache.ts";
import { exec } from "./exec.ts";
import { ImageError, UPDATE_COMMAND } from "./image-error.ts";
import type { LockedFile, LockedPackage } from "./lock.ts";

const HELPER = "/usr/lib/apt/apt-helper";

/** The cache's path of a file, whatever its name is where it comes from. */
export const cachedFile = ({ sha256 }: LockedFile): string => join(cacheDirectory("files"), sha256);

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

const label = ({ name, version }: LockedFile): string => `${name} ${version}`;
/** What apt says of each file that it did not get. */
const FAILED = /^E: Failed to fetch (\S+)\s+(.*)$/gm;
/** Reasons that come of what the archive has, not of the way to it. */
const REASONS = [
  [/^404 /, "is not served any more"],
  [/^Hash Sum mismatch/, "is served with other contents"],
] as const;

/** Why the archive does not give files, by URL. @throws what apt said, where it has another reason */
function reasonsOf(error: unknown): ReadonlyMap<string, string> {
  if (!(error instanceof CommandError)) throw error;
  const reasons = new Map<string, string>();
  for (const [, url = "", said = ""] of error.stderr.matchAll(FAILED)) {
    const reason = REASONS.find(([form]) => form.test(said))?.[1];
    if (reason === undefined) throw error;
    reasons.set(url, reason);
  }
  if (reasons.size === 0) throw error;
  return reasons;
}

/** Downloads packages into a directory, by hash. Gives why some did not come, by URL. */
async function download(
  packages: readonly LockedPackage[],
  url: UrlOf,
  directory: string,
): Promise<ReadonlyMap<string, string>> {
  const files = packages.flatMap((one) => [url(one), join(directory, one.sha256), `SHA256:${one.sha256}`]);
  try {
    await exec([HELPER, "download-file", ...files]);
    return new Map();
  } catch (error) {
    return reasonsOf(error);
  }
}

/** Where a package is served. */
export type UrlOf = (one: LockedPackage) => string;

/**
 * Fetches the packages that the cache does not have, each held against its hash.
 *
 * @throws ImageError that names every package which the archive no longer serves as it was locked
 */
export async function fetchPackages(packages: readonly LockedPackage[], urlOf?: UrlOf): Promise<void> {
  const missing = [
    ...new Map(packages.filter((one) => !existsSync(cachedFile(one))).map((one) => [one.sha256, one])).values(),
  ];
  if (missing.length === 0) return;
  const url = urlOf ?? (await archiveUrls());
  using work = workDirectory();
  const reasons = await download(missing, url, work.path);
  for (const one of missing)
    if (existsSync(join(work.path, one.sha256))) renameSync(join(work.path, one.sha256), cachedFile(one));
  const facts = missing.flatMap((one) => {
    const reason = reasons.get(url(one));
    return reason === undefined ? [] : [`${label(one)} ${reason} (${one.path})`];
  });
  if (facts.length > 0)
    throw new ImageError(
      "PACKAGE_NOT_SERVED",
      "the Debian archive does not serve all packages of the lock",
      facts,
      UPDATE_COMMAND,
    );
}

async function archiveUrls(): Promise<UrlOf> {
  const { main, security = main } = await packageArchive();
  return ({ archive, path }) => `${archive === "main" ? main : security}${path}`;
}

/** What npm says of why it ended, without its marks and without the name of its log. */
const saidByNpm = (stderr: string): readonly string[] =>
  stderr
    .split("\n")
    .map((line) => line.replace(/^npm error\s*/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("A complete log"));

/**
 * Gets an npm package's archive, by npm. Gives its path in a directory that the caller removes.
 *
 * @throws ImageError with what npm said, where it does not get it
 */
async function pack(name: string, version: string, directory: string): Promise<string> {
  const npm = ["npm", "pack", `${name}@${version}`, "--json", "--loglevel=error", "--pack-destination", directory];
  try {
    const [packed] = JSON.parse(await exec(npm)) as readonly { readonly filename: string }[];
    return join(directory, packed?.filename ?? "");
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const facts = saidByNpm(error.stderr);
    throw new ImageError(
      "PACKAGE_NOT_SERVED",
      `npm does not get ${name} ${version}`,
      facts,
      `npm view ${name}@${version}`,
    );
  }
}

/** Finds what npm serves for a version of the runtime, and keeps it. */
export async function lockRuntime(name: string, version: string): Promise<LockedFile> {
  using work = workDirectory();
  const file = await pack(name, version, work.path);
  const locked = { name, version, sha256: await sha256Of(file) };
  renameSync(file, cachedFile(locked));
  return locked;
}

/**
 * Fetches the runtime where the cache does not have it.
 *
 * @throws ImageError where what npm serves is not what was locked
 */
export async function fetchRuntime(locked: LockedFile): Promise<void> {
  if (existsSync(cachedFile(locked))) return;
  const { sha256 } = await lockRuntime(locked.name, locked.version);
  if (sha256 !== locked.sha256)
    throw new ImageError(
      "PACKAGE_CHANGED",
      `npm serves another ${label(locked)}`,
      [`locked: ${locked.sha256}`, `served: ${sha256}`],
      UPDATE_COMMAND,
    );
}
