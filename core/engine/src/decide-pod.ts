import type { Violation } from "@netbind/contract";
import { admitNics, type NicAdmitter } from "./admission/admit-nics.ts";
import type { Vmi } from "./api.ts";
import { type Attachable, type Candidate, candidates, decidedNic } from "./decide.ts";
import { derivedNames, linkNamesOfPod } from "./facts/names.ts";
import { nicSpec } from "./facts/nic-spec.ts";

/** A pod that somebody else made, for a VM that a cluster admitted. */
export interface DecidePodInput {
  readonly vmi: Vmi;
  /** The names of the pod's links, as its network-status tells them: they say which naming scheme the pod has. */
  readonly links: readonly string[];
  /**
   * The bindings whose sidecars are in the pod, by registered name, and whether their guests take the pod link's MAC:
   * where KubeVirt attaches a NIC by a tap it writes that one, whatever the binding says, unless the author names another.
   */
  readonly served: ReadonlyMap<string, { readonly takesPodMac: boolean }>;
}

/** The NICs of a VM whose bindings' sidecars are in its pod. */
const servedNics = (vmi: Vmi, served: ReadonlyMap<string, unknown>): readonly Candidate[] =>
  candidates(vmi).filter(({ nic }) => nic.binding !== undefined && served.has(nic.binding.name));

/**
 * All that the bindings of a pod's sidecars find wrong with their NICs: a cluster admits what its own rules know.
 *
 * @throws BindingError the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export function admitPod(vmi: Vmi, served: ReadonlyMap<string, NicAdmitter>): Promise<readonly Violation[]> {
  const nics = servedNics(vmi, served).map((candidate) => ({ ...candidate, spec: nicSpec(vmi, candidate.nic, candidate.network) }));
  return admitNics(vmi, nics, served);
}

/** Decides about the NICs of a pod that its sidecars serve; what KubeVirt or others attach is left to them. */
export function decidePod({ vmi, links, served }: DecidePodInput): Attachable {
  const names = linkNamesOfPod(vmi.spec.networks ?? [], links);
  const found = servedNics(vmi, served);
  const bindings = [...new Set(found.map(({ binding }) => binding))].sort();
  return {
    // The pod has its sidecars: what is registered by now is of no matter to it.
    bindings: bindings.map((name) => ({ name, from: "registered" })),
    nics: found.map((candidate) => {
      const { network, nic, binding } = candidate;
      const link = names.get(network.name);
      const of = link === undefined ? undefined : derivedNames(network, link);
      return decidedNic(vmi, candidate, nicSpec(vmi, nic, network), served.get(binding)?.takesPodMac === true, of);
    }),
  };
}
