/** Plays virt-handler for one VM whose pod an agent attached: has its launcher define and boot a domain. */
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Attachment, Plan } from "@netbind/contract";
import { nicDomain, writeTapInterface } from "@netbind/domain";
import type { Vmi } from "@netbind/kubevirt";
import { buildBaseDomain, guestCommand } from "@netbind/local";
import { waitUntil } from "@netbind/netns";
import { AGENT_STATE } from "./agent-objects.ts";
import type { InNode } from "./in-node.ts";
import type { PodObject } from "./virt-controller.ts";

interface AgentRecord {
  readonly phase: "attaching" | "attached";
  readonly attached: readonly Attachment[];
  readonly nics: Readonly<Record<string, { readonly plan: Plan }>>;
}
interface HookEvent {
  readonly event: string;
  readonly xml?: string;
}

const IN_TIME = 60_000;
/** An emulated processor boots it, on a machine with other work. */
const BOOT_WITHIN = 150_000;

export class ClusterGuest {
  readonly #node: InNode;
  readonly #pod: PodObject;

  constructor(node: InNode, pod: PodObject) {
    this.#node = node;
    this.#pod = pod;
  }

  /** Waits until the node has a path. */
  async #await(path: string, what: string): Promise<void> {
    if (!(await waitUntil(() => existsSync(path), IN_TIME, 50))) throw new Error(`${what} did not come in time`);
  }

  /** Waits for a file of the node, and reads it. */
  async #read(path: string, what: string): Promise<string> {
    await this.#await(path, what);
    return readFileSync(path, "utf8");
  }

  /** Shows the launcher a file, whole or not at all. */
  #tell(name: string, text: string): void {
    const file = join(this.#node.volume(this.#pod.metadata.uid, "public"), name);
    writeFileSync(`${file}.next`, text, { mode: 0o644 });
    renameSync(`${file}.next`, file);
  }

  /** The domain without what the hooks write, as KubeVirt's converter gives it to the launcher. */
  async #baseDomain(vmi: Vmi): Promise<string> {
    const path = this.#node.path(`${AGENT_STATE}/pods/${this.#pod.metadata.uid}/record.json`);
    const read = (): AgentRecord => JSON.parse(readFileSync(path, "utf8")) as AgentRecord;
    if (!(await waitUntil(() => existsSync(path) && read().phase === "attached", IN_TIME, 50)))
      throw new Error("the agent did not attach the pod in time: see what it logs");
    const { attached, nics } = read();
    const onTaps = attached.filter(({ name }) => nics[name]?.plan.domain.kind === "tap");
    return onTaps.reduce(
      (xml, attachment) => writeTapInterface(xml, nicDomain(attachment, "qemu")),
      buildBaseDomain({ vmi, accelerator: "tcg", disks: [] }),
    );
  }

  /** Has the launcher ask the hooks, and boot what they made of the domain. Gives what it asked and heard. */
  async boot(vmi: Vmi): Promise<readonly HookEvent[]> {
    this.#tell("sync.json", JSON.stringify({ domainXML: await this.#baseDomain(vmi), vmi }));
    const events = join(this.#node.volume(this.#pod.metadata.uid, "public"), "events.jsonl");
    const lines = (await this.#read(events, "the launcher's word of its hooks")).trim().split("\n");
    const heard = lines.map((line) => JSON.parse(line) as HookEvent);
    const xml = heard.findLast(({ event }) => event === "defined")?.xml;
    if (xml === undefined) throw new Error(`the hooks defined no domain:\n${lines.join("\n")}`);
    this.#tell("domain.xml", xml);
    return heard;
  }

  /** Runs a command in the guest, once it has booted. */
  async inGuest(command: string): Promise<string> {
    const compute = this.#pod.status.containerStatuses?.find(({ name }) => name === "compute");
    const id = compute?.containerID?.replace("containerd://", "") ?? "";
    const run = this.#node.path(`/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/rootfs/netbind/run`);
    await this.#await(join(run, "serial.sock"), "the guest's serial port");
    // The whole path is longer than a socket's may be.
    const directory = openSync(run, "r");
    try {
      return await guestCommand(`/proc/self/fd/${directory}/serial.sock`, command, BOOT_WITHIN);
    } finally {
      closeSync(directory);
    }
  }
}
