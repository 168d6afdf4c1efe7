import type { ChildProcess } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processesIn, waitUntil } from "@netbind/netns";
import { expect } from "vitest";
import type { KubeNode } from "../kube/kube-node.ts";
import type { LabPod } from "../kube/lab-pod.ts";

const PRELOAD = new URL("kill-point.ts", import.meta.url).href;

/** The agent of a lab's node, killed at any of its points. */
export class AgentKill {
  readonly #node: KubeNode;
  #count = 0;

  constructor(node: KubeNode) {
    this.#node = node;
  }

  get #points(): string {
    return join(this.#node.directory, "points");
  }

  #start(killAt: number): ChildProcess {
    rmSync(this.#points, { force: true });
    return this.#node.agent.start([], {
      NODE_OPTIONS: `--import=${PRELOAD}`,
      NETBIND_POINTS: this.#points,
      NETBIND_KILL_AT: String(killAt),
    });
  }

  #pod(): Promise<LabPod> {
    this.#count += 1;
    return this.#node.pod({
      vm: `kill-${this.#count}`,
      nics: [{ name: "red", binding: "masquerade", ports: [{ port: 80 }] }],
    });
  }

  /** The points that an agent passes while it attaches one pod. */
  async trace(): Promise<readonly string[]> {
    const pod = await this.#pod();
    this.#start(0);
    await this.#node.agent.reported(pod, "ATTACHED");
    await this.#node.agent.stop();
    const points = readFileSync(this.#points, "utf8").trim().split("\n");
    await this.#settle(pod, "after the trace");
    return points;
  }

  /** Kills an agent at a point of an attach; another one goes on, and when the pod is gone nothing is left. */
  async kill(at: number): Promise<void> {
    const pod = await this.#pod();
    const agent = this.#start(at);
    await waitUntil(() => agent.signalCode !== null || agent.exitCode !== null, 60_000);
    expect(agent.signalCode, `the agent was not killed at ${at}: ${this.#node.agent.log}`).toBe("SIGKILL");
    await this.#settle(pod, readFileSync(this.#points, "utf8").trim().split("\n").at(-1) ?? "");
  }

  /** Whatever happened before: a new agent makes it whole, once each, and removes all of it. */
  async #settle(pod: LabPod, what: string): Promise<void> {
    this.#node.agent.start();
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
    await this.#node.removePod(pod);
    await waitUntil(() => this.#node.agent.leftovers().length === 0, 30_000);
    expect(this.#node.agent.leftovers(), what).toEqual([]);
    expect(processesOf(pod), what).toEqual([]);
    await this.#node.agent.stop();
  }

  #phase(pod: LabPod): string {
    return this.#node.agent.record<{ readonly phase: string }>(pod).phase;
  }
}

/** What still runs in a pod's namespace. */
const processesOf = ({ netns }: LabPod): readonly number[] => processesIn(`/run/netns/${netns}`).map(({ pid }) => pid);
