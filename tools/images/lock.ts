/** The lock of what images are made of: every package's version, and the hash of its file. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { type Architecture, PACKAGE_SETS, type SetName, SUITE } from "../../sidecars/images/recipes.ts";
import { ImageError, UPDATE_COMMAND } from "./image-error.ts";

/** A file that is part of an image. */
export interface LockedFile {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

/** A Debian package. */
export interface LockedPackage extends LockedFile {
  /** Which archive serves it: Debian's, or the one of its security updates. */
  readonly archive: "main" | "security";
  /** Its path below the archive, as a URL has it. */
  readonly path: string;
}

type ByArchitecture<T> = Readonly<Partial<Record<Architecture, T>>>;

/** What a set of packages was resolved from, and to. */
export interface LockedSet {
  readonly requested: readonly string[];
  readonly packages: ByArchitecture<readonly LockedPackage[]>;
}

export interface Lock {
  readonly suite: string;
  /** Seconds since 1970 that everything in the images is dated with. */
  readonly sourceDate: number;
  /** The runtime's npm packages. */
  readonly runtime: ByArchitecture<LockedFile>;
  readonly sets: Readonly<Record<SetName, LockedSet>>;
}

const SETS = Object.keys(PACKAGE_SETS) as readonly SetName[];
const SHA256 = /^[0-9a-f]{64}$/;
/** Epoch, upstream version, revision; and of npm. */
const VERSION = /^[0-9A-Za-z.+:~-]+$/;
const NAME = /^[a-z0-9][a-z0-9.+-]*$/;
const PATH = /^pool\/(?!.*\.\.)[A-Za-z0-9._+%~/-]+\.deb$/;

type Problems = string[];
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};

function readText(problems: Problems, place: string, value: unknown, form: RegExp): string {
  if (typeof value === "string" && form.test(value)) return value;
  problems.push(`${place}: ${JSON.stringify(value)} does not match ${form.source}`);
  return "";
}

const readFile = (problems: Problems, place: string, value: unknown): LockedFile => {
  const file = record(value);
  return {
    name: readText(problems, `${place}.name`, file["name"], NAME),
    version: readText(problems, `${place}.version`, file["version"], VERSION),
    sha256: readText(problems, `${place}.sha256`, file["sha256"], SHA256),
  };
};

function readPackage(problems: Problems, place: string, value: unknown): LockedPackage {
  const archive = record(value)["archive"];
  if (archive !== "main" && archive !== "security")
    problems.push(`${place}.archive: ${JSON.stringify(archive)} is not "main" or "security"`);
  return {
    ...readFile(problems, place, value),
    archive: archive === "security" ? "security" : "main",
    path: readText(problems, `${place}.path`, record(value)["path"], PATH),
  };
}

function readSet(problems: Problems, name: SetName, value: unknown): LockedSet {
  const { requested, packages } = record(value);
  const { architectures, packages: recipe } = PACKAGE_SETS[name];
  if (JSON.stringify(requested) !== JSON.stringify(recipe))
    problems.push(`sets.${name}.requested: is not what the recipe asks for (${recipe.join(", ")})`);
  const read = architectures.map((architecture) => {
    const list = record(packages)[architecture];
    if (!Array.isArray(list) || list.length === 0) problems.push(`sets.${name}.packages.${architecture}: no packages`);
    const place = `sets.${name}.packages.${architecture}`;
    const found = Array.isArray(list) ? list.map((one, at) => readPackage(problems, `${place}[${at}]`, one)) : [];
    return [architecture, found] as const;
  });
  return { requested: recipe, packages: Object.fromEntries(read) };
}

/** Reads what can be read of a lock's text, with all that is wrong. `runtimeVersion` is what the checkout is tested with. */
export function readParts(
  text: string,
  runtimeVersion: string,
): { readonly lock: Lock; readonly problems: readonly string[] } {
  const problems: Problems = [];
  let value: Readonly<Record<string, unknown>> = {};
  try {
    value = record(JSON.parse(text));
  } catch (error) {
    problems.push((error as Error).message);
  }
  const { suite, sourceDate, runtime, sets } = value;
  if (suite !== SUITE) problems.push(`suite: ${JSON.stringify(suite)} is not ${JSON.stringify(SUITE)}`);
  if (!Number.isSafeInteger(sourceDate) || Number(sourceDate) <= 0)
    problems.push(`sourceDate: ${JSON.stringify(sourceDate)} is not a number of seconds since 1970`);
  const runtimes = PACKAGE_SETS.base.architectures.map((architecture) => {
    const found = readFile(problems, `runtime.${architecture}`, record(runtime)[architecture]);
    if (found.version !== "" && found.version !== runtimeVersion)
      problems.push(
        `runtime.${architecture}.version: ${found.version} is not ${runtimeVersion}, which tools/package.json names`,
      );
    return [architecture, found] as const;
  });
  const read = SETS.map((name) => [name, readSet(problems, name, record(sets)[name])] as const);
  const lock = {
    suite: SUITE,
    sourceDate: Number(sourceDate),
    runtime: Object.fromEntries(runtimes),
    sets: Object.fromEntries(read) as Lock["sets"],
  };
  return { lock, problems };
}

/**
 * Reads a lock's text.
 *
 * @throws ImageError with all that is wrong
 */
export function parseLock(text: string, file: string, runtimeVersion: string): Lock {
  const { lock, problems } = readParts(text, runtimeVersion);
  if (problems.length > 0)
    throw new ImageError("LOCK_INVALID", `${file} does not fit the recipes`, problems, UPDATE_COMMAND);
  return lock;
}

/** Reads a lock. @throws ImageError where it is missing, or with all that is wrong */
export function readLock(file: string, runtimeVersion: string): Lock {
  if (!existsSync(file)) throw new ImageError("LOCK_MISSING", `${file} does not exist`, [], UPDATE_COMMAND);
  return parseLock(readFileSync(file, "utf8"), file, runtimeVersion);
}

/** A lock's text: JSON with one package on a line, so that a change of one is a change of one line. */
export function printLock(lock: Lock): string {
  const lines = (value: unknown, indent: string): string => {
    if (Array.isArray(value) && value.some((one) => typeof one === "object"))
      return `[\n${value.map((one) => `${indent}  ${JSON.stringify(one)}`).join(",\n")}\n${indent}]`;
    if (typeof value !== "object" || value === null || Array.isArray(value) || "sha256" in value)
      return JSON.stringify(value);
    const members = Object.entries(value).map(
      ([name, one]) => `${indent}  ${JSON.stringify(name)}: ${lines(one, `${indent}  `)}`,
    );
    return `{\n${members.join(",\n")}\n${indent}}`;
  };
  return `${lines(lock, "")}\n`;
}

/** Writes a lock, whole or not at all. */
export function writeLock(file: string, lock: Lock): void {
  writeFileSync(`${file}.next`, printLock(lock));
  renameSync(`${file}.next`, file);
}
