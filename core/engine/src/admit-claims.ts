import { type Violation, violation } from "@netbind/contract";
import type { KubevirtConfiguration, Vmi, VmiNetwork } from "./api.ts";

const NETWORKS = "spec.networks";
const GATE = "NetworkDevicesWithDRA";

/** What a network by resource claim must say, alone and beside the others. */
function admitClaim(network: VmiNetwork, at: number, claims: readonly string[], networks: readonly VmiNetwork[]): readonly Violation[] {
  const path = `${NETWORKS}[${at}]`;
  const { claimName = "", requestName = "" } = network.resourceClaim ?? {};
  const key = (other: VmiNetwork): string => `${other.resourceClaim?.claimName ?? ""} ${other.resourceClaim?.requestName ?? ""}`;
  const first = networks.findIndex((other) => other.resourceClaim !== undefined && key(other) === key(network));
  const complete = claimName !== "" && requestName !== "";
  return [
    ...(claimName === "" ? [violation(`${path}.resourceClaim.claimName`, "no claim is named", "name one of spec.resourceClaims")] : []),
    ...(requestName === ""
      ? [violation(`${path}.resourceClaim.requestName`, "no request of the claim is named", "name a request of the claim")]
      : []),
    ...(complete && !claims.includes(claimName)
      ? [
          violation(
            `${path}.resourceClaim.claimName`,
            `"${claimName}" is no claim of the VM`,
            `add it to spec.resourceClaims (there are: ${claims.join(", ") || "none"})`,
          ),
        ]
      : []),
    ...(complete && first !== -1 && first < at
      ? [violation(path, `"${claimName}/${requestName}" is the device of ${NETWORKS}[${first}] already`, "request another device")]
      : []),
  ];
}

/** What is wrong with networks by resource claim (KubeVirt 1.9, an alpha gate). Nothing where a VM has none. */
export function admitClaims({ spec }: Vmi, configuration: KubevirtConfiguration): readonly Violation[] {
  const networks = spec.networks ?? [];
  if (!networks.some(({ resourceClaim }) => resourceClaim !== undefined)) return [];
  const gates = configuration.developerConfiguration?.featureGates ?? [];
  if (!gates.includes(GATE)) {
    return [violation(NETWORKS, `a network by resource claim takes the feature gate ${GATE}`, "turn the gate on, or use a multus network")];
  }
  if (networks.some(({ multus }) => multus !== undefined)) {
    return [violation(NETWORKS, "networks by multus and by resource claim do not go together", "use one way for all")];
  }
  const claims = (spec.resourceClaims ?? []).map(({ name }) => name);
  return networks.flatMap((network, at) => {
    if (network.resourceClaim === undefined) return [];
    const nic = spec.domain.devices.interfaces?.find(({ name }) => name === network.name);
    const fits = nic === undefined || nic.sriov !== undefined || nic.binding !== undefined;
    return [
      ...(fits
        ? []
        : [
            violation(
              "spec.domain.devices.interfaces",
              `network "${network.name}" is a claimed device, which takes SR-IOV or a binding plugin`,
              "use sriov: {} or binding: {name: ...}",
            ),
          ]),
      ...admitClaim(network, at, claims, networks),
    ];
  });
}
