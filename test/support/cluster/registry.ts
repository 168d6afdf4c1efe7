/** The registry of a test cluster, which its nodes pull from. */
import { exec, inNetns } from "@netbind/netns";
import { REGISTRY } from "./addresses.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

const DEADLINE = 5 * 60_000;

/**
 * Puts an image there, such as `docker-archive:FILE` or `oci:DIRECTORY:NAME`, with the digests that it has. Gives its
 * name by digest, as a pod names it.
 */
export async function pushImage(directory: ClusterDirectory, source: string, name: string): Promise<string> {
  const controlPlane = directory.running()?.controlPlane;
  if (controlPlane === undefined) throw new Error(`the cluster "${directory.name}" is not up`);
  const run = inNetns(`/proc/${controlPlane.first.pid}/ns/net`, exec);
  const file = directory.file(`${name}.digest`);
  const options = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--digestfile", file];
  await run(["skopeo", ...options, source, `docker://${REGISTRY}/${name}:latest`], { deadline: DEADLINE });
  return `${REGISTRY}/${name}@${(await exec(["cat", file])).trim()}`;
}
