import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { exec, inNetns, processesIn, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import type { KubeNode } from "../kube/kube-node.ts";
import type { LabPod } from "../kube/lab-pod.ts";

const PRELOAD = new URL("kill-point.ts", import.meta.url).href;
/** The point at which nothing of a pod is left. */
const LAST = " removed directory";
/** What an agent's directory holds when it keeps nothing of any pod. */
const EMPTY = ["lock", "pods"];

/** The points that an agent passes while it attaches a pod, and then while it undoes what it did for it. */
export interface AgentPoints {
  readonly attach: readonly string[];
  readonly undo: readonly string[];
}

/** What happens beside an agent's end. */
export interface KillOptions {
  /** The pod goes before the next agent comes. */
  readonly gone?: boolean;
  /** The child that is started at the point has not run yet when the next agent comes. */
  readonly holds?: boolean;
}

/** A pod whose agent passed some points, and may have been killed at the last one. */
interface Life {
  readonly pod: LabPod;
  readonly agent: ChildProcess;
  readonly attach: readonly string[];
}

const hasEnded = ({ signalCode, exitCode }: ChildProcess): boolean => signalCode !== null || exitCode !== null;

/** The processes whose output goes to a file below a directory, or went to one that is removed: a server's does from its birth. */
const printingBelow = (directory: string): readonly string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/1`).startsWith(`${directory}/`);
    } catch {
      return false;
    }
  });

/** The agent of a lab's node, killed at any of its points. */
export class AgentKill {
  readonly #node: KubeNode;
  #count = 0;

  constructor(node: KubeNode) {
    this.#node = node;
  }

  get #file(): string {
    return join(this.#node.directory, "points");
  }

  #points(): readonly string[] {
    return readFileSync(this.#file, "utf8").trim().split("\n");
  }

  #start(killAt: number, holds: boolean): ChildProcess {
    rmSync(this.#file, { force: true });
    return this.#node.agent.start([], {
      NODE_OPTIONS: `--import=${PRELOAD}`,
      NETBIND_POINTS: this.#file,
      NETBIND_KILL_AT: String(killAt),
      ...(holds ? { NETBIND_KILL_HOLDS: "1" } : {}),
    });
  }

  /** A pod with a link whose other end is the node's: that one is there for as long as anything keeps the pod's namespace. */
  async #pod(): Promise<LabPod> {
    this.#count += 1;
    const pod = await this.#node.pod({
      vm: `kill-${this.#count}`,
      nics: [{ name: "red", binding: "masquerade", ports: [{ port: 80 }] }],
    });
    const peer = ["peer", "name", `pin-${this.#count}`, "netns", basename(this.#node.netns)];
    await pod.exec(["ip", "link", "add", "pin", "type", "veth", ...peer]);
    return pod;
  }

  /** An agent attaches a pod and, once it is gone, undoes that; or is killed at a point of either. */
  async #live(killAt: number, holds = false): Promise<Life> {
    const pod = await this.#pod();
    const agent = this.#start(killAt, holds);
    const isAttached = (): boolean => this.#node.agent.reasons(pod).includes("ATTACHED");
    await waitUntil(() => hasEnded(agent) || isAttached(), 60_000);
    const attach = this.#points();
    if (!hasEnded(agent)) {
      expect(isAttached(), this.#node.agent.log).toBe(true);
      await this.#node.removePod(pod);
      await waitUntil(() => hasEnded(agent) || this.#points().at(-1)?.endsWith(LAST) === true, 60_000);
    }
    return { pod, agent, attach };
  }

  async trace(): Promise<AgentPoints> {
    const { pod, attach } = await this.#live(0);
    const undo = this.#points().slice(attach.length);
    await this.#expectNothing(pod, "after the trace");
    return { attach, undo };
  }

  /**
   * Kills an agent at a point of a pod's life. Where the pod is there another one makes it whole, unless it is `gone` before
   * that; when it is gone nothing is left.
   */
  async kill(at: number, { gone = false, holds = false }: KillOptions = {}): Promise<void> {
    const { pod, agent } = await this.#live(at, holds);
    await waitUntil(() => hasEnded(agent), 10_000);
    expect(agent.signalCode, `the agent was not killed at ${at}: ${this.#node.agent.log}`).toBe("SIGKILL");
    const what = `killed at ${this.#points().at(-1)}${gone ? ", and then the pod was gone" : ""}${holds ? ", with a child that waits" : ""}`;
    const isThere = this.#node.pods.includes(pod);
    if (isThere && gone) await this.#node.removePod(pod);
    this.#node.agent.start();
    if (isThere && !gone) {
      await this.#expectWhole(pod, what);
      await this.#node.removePod(pod);
    }
    await this.#expectNothing(pod, what);
  }

  /** Whatever happened before: an agent makes the pod whole, once each. */
  async #expectWhole(pod: LabPod, what: string): Promise<void> {
    await this.#node.attached(pod);
    await waitUntil(() => this.#phase(pod) === "attached", 30_000);
    expect(this.#phase(pod), what).toBe("attached");
    const servers = processesIn(`/run/netns/${pod.netns}`).filter(
      ({ pid }) => readFileSync(`/proc/${pid}/comm`, "utf8") === "dnsmasq\n",
    );
    expect(servers.length, what).toBe(2);
    const links = await pod.exec(["ip", "-brief", "link", "show"]);
    for (const link of ["eth0", "k6t-eth0", "tap0"]) expect(links, what).toContain(link);
    expect(await pod.exec(["nft", "list", "tables"]), what).toContain("netbind_eth0");
  }

  /** An agent that runs leaves nothing of a pod that is gone. */
  async #expectNothing(pod: LabPod, what: string): Promise<void> {
    let left: readonly string[] = [];
    const isClean = async (): Promise<boolean> => {
      left = await this.#left(pod);
      return left.length === 0;
    };
    await waitUntil(isClean, 30_000, 100);
    expect(left, what).toEqual([]);
    await this.#node.agent.stop();
    expect(readdirSync(this.#node.agent.state).sort(), what).toEqual(EMPTY);
  }

  /** What is still there of the last pod: its record, servers, links, namespace, and volume. */
  async #left({ uid, hooks }: LabPod): Promise<readonly string[]> {
    const { agent, netns } = this.#node;
    const links = await inNetns(netns, exec)(["ip", "-brief", "link", "show", "type", "veth"]);
    return [
      ...agent.leftovers(),
      ...printingBelow(agent.state).map((pid) => `server ${pid}`),
      ...links.split("\n").flatMap((link) => (link === "" ? [] : [`link ${link}`])),
      ...(existsSync(join(hooks, "../../..")) ? [`volume of ${uid}`] : []),
    ];
  }

  #phase(pod: LabPod): string {
    return this.#node.agent.record<{ readonly phase: string }>(pod).phase;
  }
}
