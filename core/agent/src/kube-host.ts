import type { NicNames, Plan, PodLink } from "@netbind/contract";
import type { Attachable, AttachedNic, Grants, Host, NicNetwork, NicPlanner, PodFacts } from "@netbind/engine";
import { patient, type PodNetwork } from "@netbind/netns";
import { attachSidecar, type SidecarPlace } from "@netbind/remote/sidecar";
import type { Bindings, ServedBinding } from "./bindings.ts";
import type { AgentJournal } from "./journal.ts";

/** What the host of one pod is made of. */
export interface KubeHostParts {
  readonly journal: AgentJournal;
  readonly network: PodNetwork;
  readonly bindings: Bindings;
  /** The bindings of the pod's sidecars, as they answered. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** Where the sidecar of a binding is. */
  readonly place: (binding: string) => SidecarPlace;
  /** What the pod tells of itself: asked once. */
  readonly readFacts: () => Promise<PodFacts>;
}

/** The host of one launcher pod of a cluster: the pod is there, and so are its sidecars. */
export class KubeHost implements Host<Attachable> {
  readonly #parts: KubeHostParts;

  constructor(parts: KubeHostParts) {
    this.#parts = parts;
  }

  async makePod(): Promise<PodFacts> {
    const { journal, readFacts } = this.#parts;
    const facts = journal.record.facts ?? (await readFacts());
    if (journal.record.facts === undefined) journal.update({ facts });
    return facts;
  }

  once<T>(nic: string, fact: "before" | "plan", find: () => Promise<T>): Promise<T> {
    return this.#parts.network.once(nic, fact, find);
  }

  observe(names: NicNames): Promise<PodLink> {
    return this.#parts.network.observe(names);
  }

  planner(binding: string): NicPlanner {
    const served = this.#parts.served.get(binding);
    if (served === undefined) throw new Error(`nobody plans for binding "${binding}"`);
    return served.planner;
  }

  grants(binding: string): Grants {
    return this.#parts.bindings.grants(binding);
  }

  apply(nic: string, wanted: NicNetwork): Promise<void> {
    return this.#parts.network.apply(nic, wanted);
  }

  startServices(plan: Plan): Promise<void> {
    return this.#parts.network.startServices(plan);
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { journal } = this.#parts;
    const others = (journal.record.attached ?? []).filter(({ name }) => journal.record.bindings[name] !== binding);
    journal.update({ attached: [...others, ...nics.map(({ attachment }) => attachment)] });
    await this.tell(binding);
  }

  placeOf(binding: string): SidecarPlace {
    return this.#parts.place(binding);
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async tell(binding: string): Promise<void> {
    const { journal, place } = this.#parts;
    const { vmi, attached = [], bindings, nics } = journal.record;
    const own = attached.flatMap((attachment) => {
      const plan = nics[attachment.name]?.plan;
      return bindings[attachment.name] === binding && plan !== undefined ? [{ attachment, plan }] : [];
    });
    await attachSidecar({ ...place(binding), patience: patient(1) }, { ...vmi, nics: own });
  }
}
