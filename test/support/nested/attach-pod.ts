/**
 * Attaches pods through the node agent and takes them away again, on a machine whose control groups are the test's, and
 * prints what groups its processes were in, and what a sidecar does within the memory that KubeVirt lets it have.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain } from "@netbind/local";
import { processesOfUser, waitUntil } from "@netbind/netns";
import { podCgroup } from "../kube/kube-container.ts";
import { vmiObject } from "../kube/kube-objects.ts";
import { KubeNode } from "../kube/kube-node.ts";
import { hookSocketsOf, type LabPod, withHooks } from "../kube/lab-pod.ts";

const MOUNT = "/sys/fs/cgroup";

/** A control group of a pod, or below it. */
export interface SeenCgroup {
  /** The programs that run in it, sorted. */
  readonly programs: readonly string[];
  /** What the kernel counts as its own and its children's: processes, and bytes of memory. */
  readonly pids: number;
  readonly memory: number;
  /** Bytes that it may have at most; NaN: any number. */
  readonly memoryLimit: number;
  /** Processes and threads that it may have at most; NaN: any number. */
  readonly pidsLimit: number;
  /** How often something of it was ended because it had too much. */
  readonly outOfMemory: number;
}

/** What was seen. */
export interface SeenPod {
  /** The control groups of all processes that run as the user of the pod's services, without the pod's own before them. */
  readonly services: readonly string[];
  /** The pod's control groups by their names; the pod's own has none, and its container's is `sidecar`. */
  readonly groups: Readonly<Record<string, SeenCgroup>>;
  /** The names of those that are there when the agent has released the pod. */
  readonly left: readonly string[];
  /** The programs that run in the agent's own control group while pods are attached. */
  readonly withAgent: readonly string[];
  /** Another pod's sidecar, once it was asked again and again: what it gave back, and its control group afterwards. */
  readonly asked: { readonly domains: readonly string[]; readonly sidecar?: SeenCgroup };
}

/** KubeVirt asks more than once. */
const DEFINES = 30;
/** Of the agent's container. */
const AGENT_GROUP = "/kubelet-agent";
const IN_CONTAINERS_GROUP = 'mkdir "$1" && echo 0 > "$1/cgroup.procs" && shift && exec unshare --cgroup "$@"';
const SLIRP = [{ name: "default", binding: "slirp", ports: [{ port: 80 }] }] as const;

const read = (path: string, name: string): string => readFileSync(join(MOUNT, path, name), "utf8").trim();

function seeCgroup(path: string): SeenCgroup {
  const pids = read(path, "cgroup.procs").split("\n").filter(Boolean);
  return {
    programs: pids.map((pid) => basename(readlinkSync(`/proc/${pid}/exe`))).sort(),
    pids: Number(read(path, "pids.current")),
    memory: Number(read(path, "memory.current")),
    memoryLimit: Number(read(path, "memory.max")),
    pidsLimit: Number(read(path, "pids.max")),
    outOfMemory: Number(/^oom_kill (\d+)$/m.exec(read(path, "memory.events"))?.[1]),
  };
}

const children = (path: string): readonly string[] =>
  readdirSync(join(MOUNT, path), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

/** Looks at a pod that stands still: what its groups count can be compared. */
async function seeFrozen(node: KubeNode, pod: LabPod): Promise<Pick<SeenPod, "services" | "groups">> {
  const own = podCgroup(pod.uid);
  writeFileSync(join(MOUNT, own, "cgroup.freeze"), "1");
  assert.ok(
    await waitUntil(() => read(own, "cgroup.events").includes("frozen 1"), 30_000),
    "the pod does not stand still",
  );
  const found = see(node, pod);
  writeFileSync(join(MOUNT, own, "cgroup.freeze"), "0");
  return found;
}

function see(node: KubeNode, pod: LabPod): Pick<SeenPod, "services" | "groups"> {
  const own = podCgroup(pod.uid);
  const services = processesOfUser(node.agent.serviceUid(pod)).map(({ pid }) =>
    readFileSync(`/proc/${pid}/cgroup`, "utf8").trim(),
  );
  return {
    services: services.map((line) => line.replace(`0::${own}`, "")),
    groups: Object.fromEntries(
      ["", ...children(own)].map((name) => [
        name.replace(/^cri-containerd-.*$/, "sidecar"),
        seeCgroup(join(own, name)),
      ]),
    ),
  };
}

/** Asks a pod's sidecar for a domain, again and again. */
function defineAgain(pod: LabPod): Promise<readonly string[]> {
  const object = vmiObject(pod.vm, SLIRP);
  const domain = Buffer.from(buildBaseDomain({ vmi: object as unknown as Vmi, accelerator: "kvm", disks: [] }));
  const json = Buffer.from(JSON.stringify(object));
  return withHooks(pod, hookSocketsOf(pod)[0] ?? "", async (client) => {
    await client.info();
    const domains: string[] = [];
    for (let at = 0; at < DEFINES; at++)
      domains.push(Buffer.from(await client.onDefineDomain("v1alpha3", domain, json)).toString("utf8"));
    return domains;
  });
}

assert.equal(hostname(), "nested", "this changes the machine's control groups");
await using node = await KubeNode.make({ cgroups: true });
const pods = [await node.pod({ vm: "one" }), await node.pod({ vm: "two", nics: SLIRP })] as const;
// As a container that is not privileged: in a control group and a namespace of its own, which the kernel keeps apart.
node.agent.startBundled(["sh", "-c", IN_CONTAINERS_GROUP, "agent", join(MOUNT, AGENT_GROUP)]);
for (const pod of pods) {
  await node.attached(pod);
  await node.agent.reported(pod, "ATTACHED");
}
const found = await seeFrozen(node, pods[0]);
const withAgent = seeCgroup(AGENT_GROUP).programs;
const domains = await defineAgain(pods[1]);
const sidecar = see(node, pods[1]).groups["sidecar"];
for (const pod of pods) await node.removePod(pod);
assert.ok(await waitUntil(() => node.agent.leftovers().length === 0, 30_000), node.agent.log);
const left = pods.flatMap(({ uid }) =>
  existsSync(join(MOUNT, podCgroup(uid))) ? children(podCgroup(uid)) : ["the pod's own is gone"],
);
await node.agent.stop();
rmdirSync(join(MOUNT, AGENT_GROUP));
// The kubelet's part: it fails where anything of a pod is left.
for (const { uid } of pods) rmdirSync(join(MOUNT, podCgroup(uid)));
for (const up of ["..", "../.."]) rmdirSync(join(MOUNT, podCgroup(pods[0].uid), up));
process.stdout.write(
  JSON.stringify({
    ...found,
    left,
    withAgent,
    asked: { domains, ...(sidecar === undefined ? {} : { sidecar }) },
  } satisfies SeenPod),
);
