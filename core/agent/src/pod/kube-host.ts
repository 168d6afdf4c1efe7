import type { NicNames, Plan, PodLink } from "@netbind/contract";
import type { NicsDecision, AttachedNic, Grants, Host, NicNetwork, NicPlanner, PodContext } from "@netbind/engine";
import { scaledTimeout, type PodNetwork } from "@netbind/netns";
import { attachSidecar, type SidecarLocation } from "@netbind/remote/sidecar";
import type { BindingRegistry, ServedBinding } from "../binding/binding-registry.ts";
import type { AgentRecordFile } from "./agent-record.ts";

/** What the host of one pod is made of. */
export interface KubeHostParts {
  readonly recordFile: AgentRecordFile;
  readonly network: PodNetwork;
  readonly bindings: BindingRegistry;
  /** The bindings of the pod's sidecars, as they answered. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** Where the sidecar of a binding is. */
  readonly place: (binding: string) => SidecarLocation;
  /** What the pod tells of itself: asked once. */
  readonly readFacts: () => Promise<PodContext>;
}

/** The host of one launcher pod of a cluster: the pod is there, and so are its sidecars. */
export class KubeHost implements Host<NicsDecision> {
  readonly #parts: KubeHostParts;

  constructor(parts: KubeHostParts) {
    this.#parts = parts;
  }

  async preparePod(): Promise<PodContext> {
    const { recordFile, readFacts } = this.#parts;
    const facts = recordFile.record.facts ?? (await readFacts());
    if (recordFile.record.facts === undefined) recordFile.update({ facts });
    return facts;
  }

  recordOnce<T>(nic: string, fact: "podLink" | "plan", find: () => Promise<T>): Promise<T> {
    return this.#parts.network.once(nic, fact, find);
  }

  observe(names: NicNames): Promise<PodLink> {
    return this.#parts.network.observe(names);
  }

  planner(binding: string): NicPlanner {
    const served = this.#parts.served.get(binding);
    if (served === undefined) throw new Error(`no process serves binding "${binding}"`);
    return served.planner;
  }

  grants(binding: string): Grants {
    return this.#parts.bindings.grants(binding);
  }

  apply(nic: string, desired: NicNetwork): Promise<void> {
    return this.#parts.network.apply(nic, desired);
  }

  startServices(plan: Plan): Promise<void> {
    return this.#parts.network.startServices(plan);
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { recordFile } = this.#parts;
    const others = (recordFile.record.attached ?? []).filter(({ name }) => recordFile.record.bindings[name] !== binding);
    recordFile.update({ attached: [...others, ...nics.map(({ attachment }) => attachment)] });
    await this.attachToSidecar(binding);
  }

  placeOf(binding: string): SidecarLocation {
    return this.#parts.place(binding);
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async attachToSidecar(binding: string): Promise<void> {
    const { recordFile, place } = this.#parts;
    const { vmi, attached = [], bindings, nics } = recordFile.record;
    const own = attached.flatMap((attachment) => {
      const plan = nics[attachment.name]?.plan;
      return bindings[attachment.name] === binding && plan !== undefined ? [{ attachment, plan }] : [];
    });
    await attachSidecar({ ...place(binding), timeoutScale: scaledTimeout(1) }, { ...vmi, nics: own });
  }
}
