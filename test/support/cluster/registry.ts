/** The registry of a test cluster, which its nodes pull from. */
import { rmSync } from "node:fs";
import { exec, inNetns } from "@netbind/netns";
import { labelImage } from "../images/label-image.ts";
import { REGISTRY } from "./addresses.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

const DEADLINE = 5 * 60_000;

/** The network namespace that the registry listens in. */
function netnsOf(directory: ClusterDirectory): string {
  const controlPlane = directory.running()?.controlPlane;
  if (controlPlane === undefined) throw new Error(`the cluster "${directory.name}" is not up`);
  return `/proc/${controlPlane.first.pid}/ns/net`;
}

/**
 * Puts an image there, such as `docker-archive:FILE` or `oci:DIRECTORY:NAME`, with the digests that it has. Gives its
 * name by digest, as a pod names it.
 */
export async function pushImage(directory: ClusterDirectory, source: string, name: string): Promise<string> {
  const run = inNetns(netnsOf(directory), exec);
  const file = directory.file(`${name}.digest`);
  const options = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--digestfile", file];
  await run(["skopeo", ...options, source, `docker://${REGISTRY}/${name}:latest`], { deadline: DEADLINE });
  return `${REGISTRY}/${name}@${(await exec(["cat", file])).trim()}`;
}

/**
 * Puts an image there that is made of one of the registry's: `change` is given the OCI layout that has it by `name` alone.
 * Gives its name by digest.
 */
export async function pushChanged(
  directory: ClusterDirectory,
  { image, name }: { readonly image: string; readonly name: string },
  change: (layout: string) => Promise<void> | void,
): Promise<string> {
  const layout = directory.file(`${name}-version`);
  const run = inNetns(netnsOf(directory), exec);
  const copy = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"];
  await run([...copy, `docker://${image}`, `oci:${layout}:${name}`], { deadline: DEADLINE });
  try {
    await change(layout);
    return await pushImage(directory, `oci:${layout}:${name}`, name);
  } finally {
    rmSync(layout, { recursive: true });
  }
}

/**
 * Puts another version of an image of the registry there: the same files with a label, which is enough for another digest.
 * Gives its name by digest.
 */
export const pushVersion = (
  directory: ClusterDirectory,
  image: string,
  name: string,
  version = "next",
): Promise<string> => pushChanged(directory, { image, name }, (layout) => labelImage(layout, { version }));
