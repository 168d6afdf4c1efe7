/**
 * Attaches a pod through the node agent and takes it away again, on a machine whose control groups are the test's, and
 * prints what groups its processes were in.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { processesOfUser, waitUntil } from "@netbind/netns";
import { podCgroup } from "../kube-container.ts";
import { KubeNode, type LabPod } from "../kube-node.ts";

const MOUNT = "/sys/fs/cgroup";

/** A control group of a pod, or below it. */
export interface SeenCgroup {
  /** The programs that run in it, sorted. */
  readonly programs: readonly string[];
  /** What the kernel counts as its own and its children's: processes, and bytes of memory. */
  readonly pids: number;
  readonly memory: number;
}

/** What was seen. */
export interface SeenPod {
  /** The control groups of all processes that run as the user of the pod's services, without the pod's own before them. */
  readonly services: readonly string[];
  /** The pod's control groups by their names; the pod's own has none, and its container's is `sidecar`. */
  readonly groups: Readonly<Record<string, SeenCgroup>>;
  /** The names of those that are there when the agent has released the pod. */
  readonly left: readonly string[];
}

const read = (path: string, name: string): string => readFileSync(join(MOUNT, path, name), "utf8").trim();

function seeCgroup(path: string): SeenCgroup {
  const pids = read(path, "cgroup.procs").split("\n").filter(Boolean);
  return {
    programs: pids.map((pid) => basename(readlinkSync(`/proc/${pid}/exe`))).sort(),
    pids: Number(read(path, "pids.current")),
    memory: Number(read(path, "memory.current")),
  };
}

const children = (path: string): readonly string[] =>
  readdirSync(join(MOUNT, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** Looks at a pod that stands still: what its groups count can be compared. */
async function seeFrozen(node: KubeNode, pod: LabPod): Promise<Omit<SeenPod, "left">> {
  const own = podCgroup(pod.uid);
  writeFileSync(join(MOUNT, own, "cgroup.freeze"), "1");
  assert.ok(await waitUntil(() => read(own, "cgroup.events").includes("frozen 1"), 30_000), "the pod does not stand still");
  const seen = see(node, pod);
  writeFileSync(join(MOUNT, own, "cgroup.freeze"), "0");
  return seen;
}

function see(node: KubeNode, pod: LabPod): Omit<SeenPod, "left"> {
  const own = podCgroup(pod.uid);
  const services = processesOfUser(node.serviceUid(pod)).map(({ pid }) => readFileSync(`/proc/${pid}/cgroup`, "utf8").trim());
  return {
    services: services.map((line) => line.replace(`0::${own}`, "")),
    groups: Object.fromEntries(
      ["", ...children(own)].map((name) => [name.replace(/^cri-containerd-.*$/, "sidecar"), seeCgroup(join(own, name))]),
    ),
  };
}

assert.equal(hostname(), "nested", "this changes the machine's control groups");
await using node = await KubeNode.make({ cgroups: true });
const pod = await node.pod({ vm: "one" });
node.startBundledAgent();
await node.attached(pod);
await node.says(pod, "ATTACHED");
const seen = await seeFrozen(node, pod);
await node.removePod(pod);
assert.ok(await waitUntil(() => node.leftovers().length === 0, 30_000), node.log);
const own = podCgroup(pod.uid);
const left = existsSync(join(MOUNT, own)) ? children(own) : ["the pod's own is gone"];
// The kubelet's part: it fails where anything of the pod is left.
for (const group of [own, join(own, ".."), join(own, "../..")]) rmdirSync(join(MOUNT, group));
process.stdout.write(JSON.stringify({ ...seen, left } satisfies SeenPod));
