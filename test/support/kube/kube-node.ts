/** A node as the kubelet leaves it, without a kubelet: pods with networks, volumes and sidecar containers, and the agent. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endProcesses, exec, inNetns, processesOfUser, waitUntil } from "@netbind/netns";
import { AgentProcess } from "./agent-process.ts";
import { callPodNetwork, type PodNetworkContext } from "./kube-cni.ts";
import { type KubeObject, launcherPod, type PodNic } from "./kube-objects.ts";
import { type ContainerPod, KubeRuntime } from "./kube-runtime.ts";
import { hookSocketsOf, type LabPod } from "./lab-pod.ts";
import { NODE, NodeObjects } from "./node-objects.ts";
import { KUBELET, NodePlace } from "./node-place.ts";
import { SIDECAR_START } from "./sidecar-start.ts";

const USER = 107;
const VOLUME = "volumes/kubernetes.io~empty-dir/hook-sidecar-sockets";

/** What a pod is made of, where it is not the usual. */
export interface PodRequest {
  readonly vm: string;
  readonly nics?: readonly PodNic[];
  /** Changes the pod's object before the agent sees it. */
  readonly change?: (pod: KubeObject) => void;
  readonly uid?: string;
  /** Another link, which the pod's network-status marks as the default: a primary network of the user's own (OVN-Kubernetes). */
  readonly primary?: string;
  /** False: no sidecar container is started. */
  readonly sidecars?: boolean;
  /** False: the API does not list it yet. */
  readonly listed?: boolean;
}

const volumeOf = (uid: string): string => `${KUBELET}/pods/${uid}/${VOLUME}`;
const containerPod = ({ uid, netns }: LabPod): ContainerPod => ({ uid, netns, volume: volumeOf(uid) });
/** A pod's container that may see all of the pod's hook sockets, as the compute container does. */
const COMPUTE = { name: "compute", env: [], subPath: "", inPodNetwork: true } as const;

/** Makes a directory of the launcher's user where it is not there yet, with those above it. */
function makeOwned(directory: string): void {
  if (existsSync(directory)) return;
  mkdirSync(directory, { recursive: true });
  chownSync(directory, USER, USER);
}

export class KubeNode implements AsyncDisposable {
  readonly directory: string;
  /** What the API lists. */
  readonly api: NodeObjects;
  readonly agent: AgentProcess;
  readonly #place: NodePlace;
  readonly #runtime: KubeRuntime;
  readonly #pods: LabPod[] = [];

  private constructor(directory: string, place: NodePlace, hasCgroups: boolean) {
    this.directory = directory;
    this.#place = place;
    this.#runtime = new KubeRuntime(directory, place.exec, hasCgroups);
    this.api = new NodeObjects(join(directory, "objects"));
    this.agent = new AgentProcess({
      enter: place.enter,
      objects: this.api.directory,
      state: join(directory, "state"),
    });
  }

  /** Makes one. With control groups its pods have the kubelet's, in the machine's own hierarchy: a machine must be the test's for that. */
  static async make({ cgroups = false } = {}): Promise<KubeNode> {
    const directory = mkdtempSync("/run/nbkube-");
    chmodSync(directory, 0o755);
    return new KubeNode(directory, await NodePlace.make(cgroups), cgroups);
  }

  /** The node's own network: the pods' bridge is in it. */
  get netns(): string {
    return this.#place.netns;
  }

  /** Runs a command among the node's mounts. */
  get exec(): NodePlace["exec"] {
    return this.#place.exec;
  }

  get pods(): readonly LabPod[] {
    return [...this.#pods];
  }

  #networkOf(netns: string): PodNetworkContext {
    return this.#place.podNetwork(netns, join(this.directory, "ipam"));
  }

  /** Makes a pod as virt-controller, the kubelet and a container runtime do, and its VMI where there is none yet. */
  async pod({
    vm,
    nics = [{ name: "red", binding: "masquerade" }],
    change,
    uid = randomUUID(),
    primary,
    sidecars = true,
    listed = true,
  }: PodRequest): Promise<LabPod> {
    const pod = await this.#preparePod(vm, uid);
    const object = launcherPod({ uid, name: pod.name, vm, node: NODE, nics });
    if (sidecars)
      for (const [at, binding] of [...new Set(nics.map((nic) => nic.binding))].sort().entries())
        await this.startSidecar(pod, at, binding);
    this.api.activate(pod, nics);
    if (primary !== undefined) Object.assign(object["metadata"] as object, await this.#addPrimary(pod, primary));
    change?.(object);
    this.api.addPod(uid, object, listed);
    return pod;
  }

  /** A pod's sandbox: its network namespace with an address, and its volume. */
  async #preparePod(vm: string, uid: string): Promise<LabPod> {
    const netns = await this.#place.makePodNetns(uid);
    const added = JSON.parse(await callPodNetwork("ADD", this.#networkOf(netns))) as {
      readonly ips: readonly { readonly address: string }[];
    };
    const pod: LabPod = {
      uid,
      name: `virt-launcher-${vm}-${uid.slice(0, 5)}`,
      vm,
      netns,
      exec: inNetns(`/run/netns/${netns}`, exec),
      address: added.ips[0]?.address.split("/")[0] ?? "",
      hooks: this.#place.path(volumeOf(uid)),
    };
    this.#pods.push(pod);
    makeOwned(pod.hooks);
    return pod;
  }

  /** Gives a pod its primary link beside `eth0`, which keeps its address and has no way out any more; as multus reports both. */
  async #addPrimary(pod: LabPod, primary: string): Promise<{ readonly annotations: object }> {
    for (const family of ["-4", "-6"]) await pod.exec(["ip", family, "route", "del", "default"]);
    await callPodNetwork("ADD", { ...this.#networkOf(pod.netns), ifname: primary });
    const links = [
      { name: "ovn-kubernetes", interface: "eth0" },
      { name: "ovn-kubernetes", interface: primary, default: true },
    ];
    return { annotations: { "k8s.v1.cni.cncf.io/network-status": JSON.stringify(links) } };
  }

  /** Starts a sidecar's container: uid 107, no capability, nothing of the node but its directory of the pod's volume. */
  startSidecar(pod: LabPod, at: number, binding: string, inPodNetwork = true): Promise<string> {
    const container = `hook-sidecar-${at}`;
    makeOwned(join(pod.hooks, container));
    const set = { ...SIDECAR_START.environment, CONTAINER_NAME: container, NETWORK_BINDING_PLUGIN_NAME: binding };
    return this.#runtime.start(containerPod(pod), {
      name: container,
      args: [...SIDECAR_START.options, `/netbind/${binding}.mjs`, "sidecar"],
      env: Object.entries(set).map(([name, value]) => `${name}=${value}`),
      isSidecar: true,
      subPath: `/${container}`,
      inPodNetwork,
    });
  }

  /** Runs a script in a container with all of the pod's hook sockets, as the compute container has them. */
  startCompute(pod: LabPod, script: string, args: readonly string[]): Promise<string> {
    copyFileSync(script, join(this.#runtime.rootfs, "netbind/compute.mjs"));
    return this.#runtime.start(containerPod(pod), { ...COMPUTE, args: ["/netbind/compute.mjs", ...args] });
  }

  /** Starts a program of a root file system of one's own where KubeVirt's launcher runs. */
  startLauncher(pod: LabPod, rootfs: string, argv: readonly string[]): Promise<string> {
    return this.#runtime.start(containerPod(pod), { ...COMPUTE, argv, args: [], rootfs });
  }

  /** Ends a container as the kubelet does, whatever it is doing. */
  endContainer(id: string): Promise<void> {
    return this.#runtime.end(id);
  }

  /** The main process of a sidecar's container. */
  sidecarPid(id: string): Promise<number> {
    return this.#runtime.pid(id);
  }

  /** Waits until a pod shows as many hook sockets as it has sidecars. */
  async attached(pod: LabPod, count = 1, deadline = 60_000): Promise<void> {
    await waitUntil(() => hookSocketsOf(pod).length >= count, deadline);
    assert.ok(hookSocketsOf(pod).length >= count, `${pod.name} is not attached: ${this.agent.log}`);
  }

  /** Takes a pod away as the kubelet does: its containers end, its network and volumes go, the API forgets it. */
  async removePod(pod: LabPod): Promise<void> {
    this.api.removePod(pod);
    const bundles = join(this.directory, "bundles");
    const containers = existsSync(bundles) ? readdirSync(bundles).filter((id) => id.startsWith(pod.uid)) : [];
    for (const id of containers) await this.endContainer(id);
    await callPodNetwork("DEL", this.#networkOf(pod.netns));
    await exec(["ip", "netns", "delete", pod.netns]);
    rmSync(join(pod.hooks, "../../.."), { recursive: true, force: true });
    this.#pods.splice(this.#pods.indexOf(pod), 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.stop();
    for (const pod of this.pods) await this.removePod(pod).catch(() => undefined);
    // Services of pods whose agent was ended before it saw them go: their namespace has no name any more.
    for (const uid of this.agent.serviceUids()) await endProcesses(processesOfUser(uid));
    await this.#place.end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
