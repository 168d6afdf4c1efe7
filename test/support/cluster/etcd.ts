import { exec } from "@netbind/netns";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** Asks etcd, where only the control plane's network reaches it, for its revision, and drops all before. */
const COMPACT = `
const ask = async (path, body) => {
  const answer = await fetch("http://127.0.0.1:2379/v3/kv/" + path, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(path + ": " + (await answer.text()));
  return answer.json();
};
const { header } = await ask("range", { key: Buffer.from("/").toString("base64") });
await ask("compaction", { revision: header.revision, physical: true });
`;

/** Compacts a cluster's etcd: of what was before, an API server that starts again can tell nothing. */
export async function compactEtcd(directory: ClusterDirectory): Promise<void> {
  const record = directory.running();
  if (record === undefined) throw new Error(`the cluster "${directory.name}" is not up`);
  const enter = ["nsenter", `--target=${record.controlPlane.first.pid}`, "--net", "--"];
  await exec([...enter, process.execPath, "--input-type=module", "-e", COMPACT]);
}
