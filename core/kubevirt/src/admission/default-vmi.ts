import { type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration, Vmi, VmiInterface } from "../api.ts";
import { INTERFACES_PATH, interfacesOf, networksOf, withInterfaces } from "../vmi.ts";

/** A VMI with KubeVirt's defaults, or why it cannot have them. */
export interface Defaulted {
  readonly vmi: Vmi;
  readonly violations: readonly Violation[];
}

const CR_NETWORK = "spec.configuration.network of the KubeVirt CR";

/** The NIC that a VM without any gets, by the cluster's configuration. */
function defaultInterface(configuration: KubevirtConfiguration): VmiInterface | Violation {
  const { defaultNetworkInterface = "", permitBridgeInterfaceOnPodNetwork = true } = configuration.network ?? {};
  switch (defaultNetworkInterface || "bridge") {
    case "masquerade":
      return { name: "default", masquerade: {} };
    case "bridge":
      if (permitBridgeInterfaceOnPodNetwork) return { name: "default", bridge: {} };
      return violation(
        INTERFACES_PATH,
        "the VM names no interface, and the default, bridge, is not permitted on the pod network",
        `name an interface, or set defaultNetworkInterface: masquerade in ${CR_NETWORK}`,
      );
    case "slirp":
      return violation(
        INTERFACES_PATH,
        "the VM names no interface, and KubeVirt removed the cluster's default, slirp, in 1.3",
        `set defaultNetworkInterface: masquerade in ${CR_NETWORK}`,
      );
    default:
      // KubeVirt takes any other word for bridge, and looks at the permission later, when it admits.
      return { name: "default", bridge: {} };
  }
}

/**
 * Gives a VM that names neither networks nor interfaces the cluster's default NIC on the pod network, unless
 * `autoattachPodInterface` is false. One list alone is enough to keep the default away.
 */
export function defaultVmi(vmi: Vmi, configuration: KubevirtConfiguration): Defaulted {
  const named = networksOf(vmi).length > 0 || interfacesOf(vmi).length > 0;
  if (vmi.spec.domain.devices.autoattachPodInterface === false || named) return { vmi, violations: [] };
  const nic = defaultInterface(configuration);
  if ("problem" in nic) return { vmi, violations: [nic] };
  return { vmi: withInterfaces(vmi, [nic], [{ name: "default", pod: {} }]), violations: [] };
}
