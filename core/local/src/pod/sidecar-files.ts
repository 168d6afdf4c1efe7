import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { derivedName, exists, installFile, makeDirectory, rename, writeText } from "@netbind/netns";
import type { ImageCommand } from "../images/sidecar-image-cache.ts";
import { notAFile, unreleasedSidecar } from "../errors.ts";

/** How a sidecar's runtime is started. */
export interface RuntimeStart {
  /** Arguments before the bundle. */
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The files that a sidecar is run from on one machine: the runtime, and a bundle for each binding. */
export interface SidecarRuntime {
  /** Path of the Node executable. */
  readonly node: string;
  /** How it is started: what keeps it within the memory that KubeVirt gives a sidecar. */
  readonly start: RuntimeStart;
  /** Path of a binding's bundle; undefined where this release has none. */
  readonly bundle: (binding: string) => string | undefined;
}

/** A sidecar that is a runtime with a bundle, all that it takes to start it, now and again. */
export interface BundleSpec {
  /** `hook-sidecar-0`. */
  readonly container: string;
  /** Path of the runtime that VMs' users may run. */
  readonly node: string;
  /** Path of the bundle that VMs' users may read. */
  readonly bundle: string;
  /** Absent in what an older netbind started: without any options. */
  readonly start?: RuntimeStart;
}

/** A sidecar that is an image's container. */
export interface ImageSpec {
  /** `hook-sidecar-0`. */
  readonly container: string;
  /** The image as it was named. */
  readonly image: string;
  /** Its entry of the cache. */
  readonly base: string;
  readonly command: ImageCommand;
}

/** One sidecar of a VM. */
export type SidecarSpec = BundleSpec | ImageSpec;

/** True for a sidecar that plans too: an image's container speaks with the agent and the launcher alone, as on a cluster. */
export const answersAsBinding = (spec: SidecarSpec | undefined): spec is BundleSpec =>
  spec !== undefined && "bundle" in spec;

/** Makes the sidecar of a binding, for a place among its pod's containers. */
export type NewSidecar = (binding: string, container: string) => SidecarSpec;

/**
 * Puts a file where the VMs' users may read it, under a name that only a process that knows its content can derive;
 * once for each.
 */
function publish(
  cache: string,
  name: (hash: string) => string,
  of: string | Buffer,
  put: (path: string) => void,
): string {
  const directory = join(cache, "runtime");
  makeDirectory(directory);
  const target = join(directory, name(createHash("sha256").update(of).digest("hex")));
  if (exists(target)) return target;
  const next = `${target}.${process.pid}`;
  put(next);
  rename(next, target);
  return target;
}

/** Publishes the runtime that this process has itself. */
function publishNode(cache: string, node: string): string {
  const { size, mtimeMs } = statSync(node);
  const name = (text: string): string => derivedName("node", { text });
  return publish(cache, name, `${node} ${size} ${mtimeMs}`, (path) => installFile(node, path, 0o755));
}

/** Publishes a bundle. Its author may change it meanwhile: what is published is the very text that its name was made of. */
function publishBundle(cache: string, source: string): string {
  if (!statSync(source).isFile()) throw notAFile(source);
  const bytes = readFileSync(source);
  const name = (text: string): string => derivedName("bundle", { text }, ".mjs");
  return publish(cache, name, bytes, (path) => writeText(path, bytes, 0o644));
}

/**
 * Puts the files of a binding's sidecar where the VMs' user may read them. They stay as they are: a VM that runs goes on
 * with what it was started with.
 *
 * @throws Error where this machine has no sidecar of the binding
 */
export function publishSidecar(runtime: SidecarRuntime, cache: string, binding: string, container: string): BundleSpec {
  const source = runtime.bundle(binding);
  if (source === undefined) throw unreleasedSidecar(binding);
  return {
    container,
    node: publishNode(cache, runtime.node),
    bundle: publishBundle(cache, source),
    start: runtime.start,
  };
}

/** Puts the files that read a guest's console where the VMs' user may read them: a runtime, and a program without any other. */
export function publishConsole(cache: string, node: string, program: string): Pick<BundleSpec, "node" | "bundle"> {
  return { node: publishNode(cache, node), bundle: publishBundle(cache, program) };
}
