/** A node as the kubelet leaves it, without a kubelet: pods with networks, volumes and sidecar containers, and the agent. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  endProcesses,
  identify,
  inNetns,
  processesIn,
  processesOfUser,
  type Exec,
  exec,
  waitUntil,
} from "@netbind/netns";
import { connectHooks, HeldDirectory, type HooksClient } from "@netbind/remote/sidecar";
import { callPodNetwork, type PodNetworkContext } from "./kube-cni.ts";
import { type ContainerPod, KubeRuntime } from "./kube-runtime.ts";
import { SIDECAR_START } from "./sidecar-start.ts";
import { type KubeObject, kubevirtObject, launcherPod, type PodNic, vmiObject } from "./kube-objects.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const USER = 107;
const NODE = "node-1";
/** The literal directory of a kubelet, in the lab's own mount namespace. */
const KUBELET = "/var/lib/kubelet";
const VOLUME = "volumes/kubernetes.io~empty-dir/hook-sidecar-sockets";

/** A pod of the lab. */
export interface LabPod {
  readonly uid: string;
  readonly name: string;
  readonly vm: string;
  /** The name of its network namespace. */
  readonly netns: string;
  readonly exec: Exec;
  /** The address that its CNI plugin gave it. */
  readonly address: string;
  /** Its hook sockets' directory, as this process sees it: what the compute container has mounted. */
  readonly hooks: string;
}

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

/** The names in a directory of a pod; none where somebody in the pod took it away meanwhile. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** A JSON file that is there whole or not at all. */
function writeWhole(file: string, content: unknown): void {
  writeFileSync(`${file}.next`, JSON.stringify(content));
  renameSync(`${file}.next`, file);
}

export class KubeNode implements AsyncDisposable {
  readonly directory: string;
  readonly objects: string;
  readonly state: string;
  readonly #holder: ChildProcess;
  readonly #bridge: string;
  readonly #runtime: KubeRuntime;
  readonly #pods: LabPod[] = [];
  #agent: ChildProcess | undefined;
  /** What the agents of this lab said, a record a line. */
  log = "";

  private constructor(directory: string, holder: ChildProcess, bridge: string, hasCgroups: boolean) {
    this.directory = directory;
    this.#holder = holder;
    this.#bridge = bridge;
    this.#runtime = new KubeRuntime(directory, this.exec, hasCgroups);
    this.objects = join(directory, "objects");
    this.state = join(directory, "state");
  }

  /** Makes one. With control groups its pods have the kubelet's, in the machine's own hierarchy: a machine must be the test's for that. */
  static async make({ cgroups = false } = {}): Promise<KubeNode> {
    const directory = mkdtempSync("/run/nbkube-");
    chmodSync(directory, 0o755);
    // Made first: mounts of namespaces reach the node only below a directory that is shared by then.
    const bridge = `nbt-${randomBytes(3).toString("hex")}`;
    await exec(["ip", "netns", "add", bridge]);
    await inNetns(`/run/netns/${bridge}`, exec)(["ip", "link", "set", "lo", "up"]);
    const hidden = ["/var/lib", ...(cgroups ? [] : ["/sys/fs/cgroup"])].map(
      (path) => `mount -t tmpfs -o mode=755 tmpfs ${path} && `,
    );
    const script = `${hidden.join("")}mkdir ${KUBELET} && echo ready && exec sleep infinity`;
    const holder = spawn("unshare", ["--mount", "--propagation", "slave", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once("data", () => resolve());
      holder.once("exit", (code) => reject(new Error(`the node's mounts were not made: ${code}`)));
    });
    const node = new KubeNode(directory, holder, bridge, cgroups);
    mkdirSync(node.objects);
    mkdirSync(node.state);
    writeWhole(join(node.objects, "kubevirt.json"), kubevirtObject());
    return node;
  }

  /** The node's own network: the pods' bridge is in it. */
  get netns(): string {
    return `/run/netns/${this.#bridge}`;
  }

  /** Runs a command among the node's mounts. */
  get exec(): Exec {
    return (argv, options) => exec(["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, "--", ...argv], options);
  }

  /** A path of the node, as this process reaches it. */
  path(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  #networkOf(netns: string): PodNetworkContext {
    return { node: this.netns, netns, dataDir: join(this.directory, "ipam") };
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
    const netns = `${this.#bridge}-${uid.slice(0, 8)}`;
    await exec(["ip", "netns", "add", netns]);
    const inPod = inNetns(`/run/netns/${netns}`, exec);
    await inPod(["ip", "link", "set", "lo", "up"]);
    await inPod(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"]);
    const result = JSON.parse(await callPodNetwork("ADD", this.#networkOf(netns))) as {
      readonly ips: readonly { readonly address: string }[];
    };
    const address = result.ips[0]?.address.split("/")[0] ?? "";
    const name = `virt-launcher-${vm}-${uid.slice(0, 5)}`;
    const hooks = this.path(`${KUBELET}/pods/${uid}/${VOLUME}`);
    const pod: LabPod = { uid, name, vm, netns, exec: inPod, address, hooks };
    this.#pods.push(pod);
    mkdirSync(hooks, { recursive: true });
    chownSync(hooks, USER, USER);
    const object = launcherPod({ uid, name, vm, node: NODE, nics });
    if (sidecars)
      for (const [at, binding] of [...new Set(nics.map((nic) => nic.binding))].sort().entries())
        await this.startSidecar(pod, at, binding);
    this.#activate(pod, nics);
    if (primary !== undefined) Object.assign(object["metadata"] as object, await this.#addPrimary(netns, primary));
    change?.(object);
    writeWhole(join(this.objects, `pod-${uid}.${listed ? "json" : "hidden"}`), object);
    return pod;
  }

  /** Gives a pod its primary link beside `eth0`, which keeps its address and has no way out any more; as multus reports both. */
  async #addPrimary(netns: string, primary: string): Promise<{ readonly annotations: object }> {
    const inPod = inNetns(`/run/netns/${netns}`, exec);
    for (const family of ["-4", "-6"]) await inPod(["ip", family, "route", "del", "default"]);
    await callPodNetwork("ADD", { ...this.#networkOf(netns), ifname: primary });
    const links = [
      { name: "ovn-kubernetes", interface: "eth0" },
      { name: "ovn-kubernetes", interface: primary, default: true },
    ];
    return { annotations: { "k8s.v1.cni.cncf.io/network-status": JSON.stringify(links) } };
  }

  /** Lets the API list a pod that was made without that. */
  list({ uid }: LabPod): void {
    renameSync(join(this.objects, `pod-${uid}.hidden`), join(this.objects, `pod-${uid}.json`));
  }

  /** Lists a pod in its VMI's status, as virt-controller does; makes the VMI where it is not there yet. */
  #activate({ vm, uid }: LabPod, nics: readonly PodNic[]): void {
    const file = join(this.objects, `vmi-${vm}.json`);
    const vmi = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as KubeObject) : vmiObject(vm, nics);
    const status = (vmi["status"] ?? {}) as { activePods?: Record<string, string> };
    writeWhole(file, { ...vmi, status: { ...status, activePods: { ...status.activePods, [uid]: NODE } } });
  }

  /** Changes the object of a VMI or pod as an API server would hold it. */
  edit(file: string, change: (object: KubeObject) => void): void {
    const object = JSON.parse(readFileSync(join(this.objects, file), "utf8")) as KubeObject;
    change(object);
    writeWhole(join(this.objects, file), object);
  }

  /** Puts an object there, or another in its place. */
  write(file: string, object: KubeObject): void {
    writeWhole(join(this.objects, file), object);
  }

  /** Starts a sidecar's container: uid 107, no capability, nothing of the node but its directory of the pod's volume. */
  startSidecar(pod: LabPod, at: number, binding: string, inPodNetwork = true): Promise<string> {
    const container = `hook-sidecar-${at}`;
    if (!existsSync(join(pod.hooks, container))) {
      mkdirSync(join(pod.hooks, container));
      chownSync(join(pod.hooks, container), USER, USER);
    }
    const set = { ...SIDECAR_START.environment, CONTAINER_NAME: container, NETWORK_BINDING_PLUGIN_NAME: binding };
    return this.#runtime.start(this.#containerPod(pod), {
      name: container,
      args: [...SIDECAR_START.options, `/netbind/${binding}.mjs`, "sidecar"],
      env: Object.entries(set).map(([name, value]) => `${name}=${value}`),
      isSidecar: true,
      subPath: `/${container}`,
      inPodNetwork,
    });
  }

  #containerPod({ uid, netns }: LabPod): ContainerPod {
    return { uid, netns, volume: `${KUBELET}/pods/${uid}/${VOLUME}` };
  }

  /** Runs a script in a container with all of the pod's hook sockets, as the compute container has them. */
  startCompute(pod: LabPod, script: string, args: readonly string[]): Promise<string> {
    copyFileSync(script, join(this.#runtime.rootfs, "netbind/compute.mjs"));
    return this.#runtime.start(this.#containerPod(pod), {
      name: "compute",
      args: ["/netbind/compute.mjs", ...args],
      env: [],
      subPath: "",
      inPodNetwork: true,
    });
  }

  /** Starts a program of a root file system of one's own where KubeVirt's launcher runs. */
  startLauncher(pod: LabPod, rootfs: string, argv: readonly string[]): Promise<string> {
    const request = { name: "compute", argv, args: [], env: [], subPath: "", inPodNetwork: true, rootfs };
    return this.#runtime.start(this.#containerPod(pod), request);
  }

  /** Ends a container as the kubelet does, whatever it is doing. */
  endContainer(id: string): Promise<void> {
    return this.#runtime.end(id);
  }

  /** The main process of a sidecar's container. */
  sidecarPid(id: string): Promise<number> {
    return this.#runtime.pid(id);
  }

  /** Starts the agent as its image does: bundled, and told to be small. */
  startBundledAgent(enter: readonly string[] = []): ChildProcess {
    const program = ["--max-semi-space-size=1", join(ROOT, "core/agent/dist/netbind-agent.mjs")];
    return this.#startAgent(program, [], { MALLOC_ARENA_MAX: "1" }, enter);
  }

  /** Starts an agent on this node from its sources. */
  startAgent(options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return this.#startAgent(["--conditions=@netbind/source", join(ROOT, "core/agent/src/main.ts")], options, env);
  }

  #startAgent(
    program: readonly string[],
    options: readonly string[],
    env: NodeJS.ProcessEnv,
    enter: readonly string[] = [],
  ): ChildProcess {
    const args = [
      "--node",
      NODE,
      "--objects",
      this.objects,
      "--state",
      this.state,
      "--node-netns",
      "/proc/self/ns/net",
      ...options,
    ];
    const inMounts = ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, "--"];
    const [file = "", ...rest] = [...enter, ...inMounts, process.execPath, ...program, ...args];
    const agent = spawn(file, rest, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    agent.stderr.on("data", (chunk: Buffer) => (this.log += chunk.toString()));
    this.#agent = agent;
    return agent;
  }

  /** Ends the agent, and waits until it has ended. */
  async stopAgent(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const ended = new Promise((resolve) => agent.once("exit", resolve));
    agent.kill(signal);
    await ended;
  }

  /** The hook sockets of a pod, below its volume, as KubeVirt's launcher would find them. */
  hookSockets({ hooks }: LabPod): readonly string[] {
    return readdirSync(hooks, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name: container }) =>
        namesIn(join(hooks, container))
          .filter((name) => name.endsWith(".sock"))
          .map((name) => join(container, name)),
      );
  }

  /** Speaks to a pod's hook socket. Its path on the node is longer than a socket's address may be. */
  async withHooks<T>(pod: LabPod, socket: string, ask: (client: HooksClient) => Promise<T>): Promise<T> {
    using directory = HeldDirectory.open(pod.hooks, [dirname(socket)]);
    const client = connectHooks(join(directory.path, basename(socket)));
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  }

  /** Waits until a pod shows as many hook sockets as it has sidecars. */
  async attached(pod: LabPod, count = 1, deadline = 60_000): Promise<void> {
    await waitUntil(() => this.hookSockets(pod).length >= count, deadline);
    assert.ok(this.hookSockets(pod).length >= count, `${pod.name} is not attached: ${this.log}`);
  }

  /** What the agents said of a pod. */
  told({ uid }: Pick<LabPod, "uid">): readonly { readonly reason: string; readonly message: string }[] {
    return this.log.split("\n").flatMap((line) => {
      if (!line.includes(uid) || !line.startsWith("{")) return [];
      const record = JSON.parse(line) as {
        readonly reason?: string;
        readonly message?: string;
        readonly pod?: { readonly uid: string };
      };
      return record.pod?.uid === uid ? [{ reason: record.reason ?? "", message: record.message ?? "" }] : [];
    });
  }

  /** Waits until the agent said something of a pod. */
  async says(pod: Pick<LabPod, "uid">, reason: string, deadline = 20_000): Promise<string> {
    await waitUntil(() => this.told(pod).some((one) => one.reason === reason), deadline);
    const found = this.told(pod).find((one) => one.reason === reason);
    assert.ok(found, `nothing was said with ${reason}: ${this.log}`);
    return found.message;
  }

  /** Takes a pod away as the kubelet does: its containers end, its network and volumes go, the API forgets it. */
  async removePod(pod: LabPod): Promise<void> {
    for (const name of ["json", "hidden"]) rmSync(join(this.objects, `pod-${pod.uid}.${name}`), { force: true });
    const containers = existsSync(join(this.directory, "bundles"))
      ? readdirSync(join(this.directory, "bundles")).filter((id) => id.startsWith(pod.uid))
      : [];
    for (const id of containers) await this.endContainer(id);
    await callPodNetwork("DEL", this.#networkOf(pod.netns));
    await exec(["ip", "netns", "delete", pod.netns]);
    rmSync(join(pod.hooks, "../../.."), { recursive: true, force: true });
    this.#pods.splice(this.#pods.indexOf(pod), 1);
  }

  get pods(): readonly LabPod[] {
    return [...this.#pods];
  }

  /** True where a pod's first sidecar waits to be attached. */
  serves({ hooks }: LabPod): boolean {
    return existsSync(join(hooks, "hook-sidecar-0/netbind/attach.sock"));
  }

  /** The agent itself: what was started becomes it. */
  agentPid({ pid }: ChildProcess): number {
    if (pid === undefined) throw new Error("the agent was not started");
    return pid;
  }

  /** The user that a pod's services run as. */
  serviceUid({ uid }: LabPod): number {
    return (
      JSON.parse(readFileSync(join(this.state, "pods", uid, "record.json"), "utf8")) as { readonly serviceUid: number }
    ).serviceUid;
  }

  #records(): readonly { readonly serviceUid: number }[] {
    const pods = join(this.state, "pods");
    const files = existsSync(pods) ? readdirSync(pods).map((uid) => join(pods, uid, "record.json")) : [];
    return files
      .filter((file) => existsSync(file))
      .map((file) => JSON.parse(readFileSync(file, "utf8")) as { readonly serviceUid: number });
  }

  /** Everything of pods that the agent still keeps or that runs for them. */
  leftovers(): readonly string[] {
    const records = existsSync(join(this.state, "pods")) ? readdirSync(join(this.state, "pods")) : [];
    return records.map((uid) => `record of ${uid}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    for (const pod of this.pods) await this.removePod(pod).catch(() => undefined);
    // Services of pods whose agent was ended before it saw them go: their namespace has no name any more.
    for (const record of this.#records()) await endProcesses(processesOfUser(record.serviceUid));
    for (const name of readdirSync("/run/netns").filter((one) => one.startsWith(this.#bridge))) {
      await endProcesses(processesIn(`/run/netns/${name}`));
      await exec(["ip", "netns", "delete", name]);
    }
    const holder = identify(this.#holder.pid ?? 0);
    if (holder !== undefined) await endProcesses([holder]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
