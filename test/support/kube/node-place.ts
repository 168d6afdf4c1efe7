/** Where a lab's node is: mounts and a network of its own, so that nothing of it is the machine's. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { endProcesses, type Exec, exec, identify, inNetns, processesIn } from "@netbind/netns";
import type { PodNetworkContext } from "./kube-cni.ts";

/** The literal directory of a kubelet, in the lab's own mount namespace. */
export const KUBELET = "/var/lib/kubelet";

const sharing = (unshared: ChildProcess & { readonly stdout: NodeJS.ReadableStream }): Promise<void> =>
  new Promise<void>((resolve, reject) => {
    unshared.stdout.once("data", () => resolve());
    unshared.once("exit", (code) => reject(new Error(`the node's mounts were not made: ${code}`)));
  });

export class NodePlace {
  /** The name of the network namespace that the pods' bridge is in; the pods' own begin with it. */
  readonly #network: string;
  /** The process that keeps the mounts. */
  readonly #holder: ChildProcess;

  private constructor(network: string, holder: ChildProcess) {
    this.#network = network;
    this.#holder = holder;
  }

  /** Makes one, without the machine's control groups unless asked. */
  static async make(cgroups: boolean): Promise<NodePlace> {
    // Made first: mounts of namespaces reach the node only below a directory that is shared by then.
    const network = `nbt-${randomBytes(3).toString("hex")}`;
    await exec(["ip", "netns", "add", network]);
    await inNetns(`/run/netns/${network}`, exec)(["ip", "link", "set", "lo", "up"]);
    const hidden = ["/var/lib", ...(cgroups ? [] : ["/sys/fs/cgroup"])].map(
      (path) => `mount -t tmpfs -o mode=755 tmpfs ${path} && `,
    );
    const script = `${hidden.join("")}mkdir ${KUBELET} && echo ready && exec sleep infinity`;
    const holder = spawn("unshare", ["--mount", "--propagation", "slave", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await sharing(holder);
    return new NodePlace(network, holder);
  }

  /** The path of the node's own network namespace. */
  get netns(): string {
    return `/run/netns/${this.#network}`;
  }

  /** The command that enters the node's mounts. */
  get enter(): readonly string[] {
    return ["nsenter", `--mount=/proc/${this.#holder.pid}/ns/mnt`, "--"];
  }

  /** Runs a command among the node's mounts. */
  get exec(): Exec {
    return (argv, options) => exec([...this.enter, ...argv], options);
  }

  /** A path of the node, as this process reaches it. */
  path(path: string): string {
    return `/proc/${this.#holder.pid}/root${path}`;
  }

  /** Makes a pod's network namespace as a container runtime does, and gives its name. */
  async makePodNetns(uid: string): Promise<string> {
    const name = `${this.#network}-${uid.slice(0, 8)}`;
    await exec(["ip", "netns", "add", name]);
    const inPod = inNetns(`/run/netns/${name}`, exec);
    await inPod(["ip", "link", "set", "lo", "up"]);
    await inPod(["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=0"]);
    return name;
  }

  /** The pod network that a pod's namespace is joined to; `directory` keeps which addresses are taken. */
  podNetwork(netns: string, directory: string): PodNetworkContext {
    return { node: this.netns, netns, dataDir: directory };
  }

  /** Ends whatever runs in the node's namespaces, and removes them. */
  async end(): Promise<void> {
    for (const name of readdirSync("/run/netns").filter((one) => one.startsWith(this.#network))) {
      await endProcesses(processesIn(`/run/netns/${name}`));
      await exec(["ip", "netns", "delete", name]);
    }
    const holder = identify(this.#holder.pid ?? 0);
    if (holder !== undefined) await endProcesses([holder]);
  }
}
