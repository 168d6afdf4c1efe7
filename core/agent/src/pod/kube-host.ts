import type { AttachedNic, Grants, Host, NicPlanner, NicsDecision, PodContext } from "@netbind/engine";
import type { PodNetwork } from "@netbind/netns";
import { attachPodSidecar } from "@netbind/pod";
import type { SidecarLocation } from "@netbind/remote/sidecar";
import type { ServedBinding } from "../binding/binding-registry.ts";
import { unservedBinding } from "../errors.ts";
import type { AgentRecordFile } from "./agent-record.ts";

/** What the host of one pod is made of. */
export interface KubeHostParts {
  readonly recordFile: AgentRecordFile;
  readonly network: PodNetwork;
  /** The bindings of the pod's sidecars, as they answered. */
  readonly served: ReadonlyMap<string, ServedBinding>;
  /** Where the sidecar of a binding is. */
  readonly sidecarOf: (binding: string) => SidecarLocation;
  /** What the pod reports of itself: read once. */
  readonly readContext: () => Promise<PodContext>;
}

/** The host of one launcher pod of a cluster: the pod is there, and so are its sidecars. */
export class KubeHost implements Host<NicsDecision> {
  readonly #parts: KubeHostParts;
  readonly network: PodNetwork;

  constructor(parts: KubeHostParts) {
    this.#parts = parts;
    this.network = parts.network;
  }

  async preparePod(): Promise<PodContext> {
    const { recordFile, readContext } = this.#parts;
    const facts = recordFile.record.facts ?? (await readContext());
    if (recordFile.record.facts === undefined) recordFile.stage({ facts });
    return facts;
  }

  planner(binding: string): NicPlanner {
    return this.#served(binding).planner;
  }

  grants(binding: string): Grants {
    const { grants, grantsProblem } = this.#served(binding);
    if (grantsProblem !== undefined) throw grantsProblem;
    return grants;
  }

  async attach(binding: string, nics: readonly AttachedNic[]): Promise<void> {
    const { recordFile } = this.#parts;
    const others = (recordFile.record.attached ?? []).filter(
      ({ name }) => recordFile.record.bindings[name] !== binding,
    );
    recordFile.update({ attached: [...others, ...nics.map(({ attachment }) => attachment)] });
    await this.attachSidecar(binding);
  }

  #served(binding: string): ServedBinding {
    const served = this.#parts.served.get(binding);
    if (served === undefined) throw unservedBinding(binding);
    return served;
  }

  /** Hands a sidecar the NICs of its binding, as they are recorded. */
  async attachSidecar(binding: string): Promise<void> {
    const { record } = this.#parts.recordFile;
    await attachPodSidecar({ location: this.#parts.sidecarOf(binding), binding, vm: record.vmi, record });
  }
}
