import { Alarm, type ApiClient, EventWriter, pause, PODS, Reflector, type ReflectorParts, VMIS } from "@netbind/kube";
import { DueNotices } from "./due-notices.ts";
import {
  type AgentPod,
  type FollowedPod,
  type FollowedVmi,
  readAgentPod,
  readLauncherPod,
  readVmi,
} from "./followed-objects.ts";
import { planNotices, type WaitingInputs } from "./plan-notices.ts";

/** What the VMs that wait are found with. */
export interface WaitingParts {
  readonly client: ApiClient;
  /** The namespace of the node agent's pods. */
  readonly namespace: string;
  /** This replica, in events. */
  readonly host: string;
  /** Milliseconds for which something may be on its way before an event reports it, and between two looks at least. */
  readonly timing?: { readonly grace: number; readonly look: number };
  /** What is known of bindings, of whatever age. */
  readonly bindings: () => Pick<WaitingInputs, "bindings" | "registered">;
  readonly onProblem?: (what: string, problem: string | undefined) => void;
}

/** Milliseconds between two looks at what is known, at least, and at most where nothing is heard of a change. */
const LOOK = 1000;
const LONGEST = 60_000;
/** Objects of a page: thousands of VMIs in one answer would be most of this program's memory. */
const PAGE = 250;
const LAUNCHERS = "kubevirt.io=virt-launcher";
const AGENTS = "app=netbind-agent";

/** Says on VMIs what they wait for, where KubeVirt says nothing: for a binding's registration, or for a node's agent. */
export class WaitingVms {
  readonly #parts: WaitingParts;
  readonly #alarm = new Alarm();
  readonly #vmis: Reflector<FollowedVmi>;
  readonly #pods: Reflector<FollowedPod>;
  readonly #agents: Reflector<AgentPod>;

  constructor(parts: WaitingParts) {
    this.#parts = parts;
    const { namespace } = parts;
    this.#vmis = this.#follow("VMIs", { resource: VMIS, read: readVmi, timing: { page: PAGE } });
    const launchers = { resource: PODS, selector: { labelSelector: LAUNCHERS }, timing: { page: PAGE } };
    this.#pods = this.#follow("launcher pods", { ...launchers, read: readLauncherPod });
    const agents = { resource: PODS, namespace, selector: { labelSelector: AGENTS } };
    this.#agents = this.#follow("agent pods", { ...agents, read: readAgentPod });
  }

  #follow<T>(what: string, parts: Omit<ReflectorParts<T>, "client">): Reflector<T> {
    const { client, onProblem } = this.#parts;
    return new Reflector({
      ...{ client, ...parts },
      onChange: () => this.#alarm.ring(),
      onProblem: (problem) => onProblem?.(what, problem),
    });
  }

  /** What is known of bindings has changed. */
  ring(): void {
    this.#alarm.ring();
  }

  /** Follows VMs and says what they wait for, until it is stopped. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, host, timing, onProblem } = this.#parts;
    const source = { component: "netbind-controller", host };
    const writer = new EventWriter(client, { ...source, onProblem: (problem) => onProblem?.("events", problem) });
    const due = new DueNotices(timing?.grace);
    const all = [this.#vmis, this.#pods, this.#agents];
    const followed = all.map((one) => one.run(signal));
    while (!signal.aborted) {
      if (all.every(({ isSynced }) => isSynced)) this.#write(writer, due);
      // A look goes through all VMs, of which one changes at any moment; where none does, the next report is waited for.
      await pause(timing?.look ?? LOOK, signal);
      await this.#alarm.wait(Math.min(LONGEST, Math.max(0, due.next - performance.now())), signal);
    }
    await Promise.all(followed);
    await writer.end();
  }

  #write(writer: EventWriter, due: DueNotices): void {
    const [vmis, pods, agents] = [this.#vmis.objects, this.#pods.objects, this.#agents.objects];
    const notices = planNotices({ vmis, pods, agents, ...this.#parts.bindings() });
    for (const { vmi, reason, message } of due.take(notices, performance.now())) {
      const { namespace, name, uid } = vmi;
      const about = { apiVersion: "kubevirt.io/v1", kind: VMIS.kind, namespace, name, uid };
      writer.write({ about, type: "Warning", reason, message });
    }
  }
}
