import { bindingName, type VmiInterface } from "@netbind/kubevirt";
import type { ClusterNic, ClusterVm } from "@netbind/view";
import type { SaidEvent } from "./agent-events.ts";
import { objectsAt, textAt, textsAt, type Value } from "./fields.ts";

function networkOf(network: Value | undefined): string {
  if (network === undefined) return "";
  const multus = textAt(network, "multus", "networkName");
  if (multus !== "") return multus;
  return network["pod"] === undefined ? textAt(network, "resourceClaim", "claimName") : "pod";
}

/** What is known of a NIC's link. */
function stateOf(phase: string, asked: string, status: Value | undefined): string {
  if (phase !== "Running") return phase === "" ? "Pending" : phase;
  if (status === undefined) return asked === "absent" ? "unplugged" : "not plugged in";
  return textAt(status, "linkState") || asked || "up";
}

function nicOf(vmi: Value, nic: Value, phase: string): ClusterNic {
  const name = textAt(nic, "name");
  const network = objectsAt(vmi, "spec", "networks").find((one) => one["name"] === name);
  const status = objectsAt(vmi, "status", "interfaces").find((one) => one["name"] === name);
  const several = textsAt(status, "ipAddresses");
  const one = textAt(status, "ipAddress");
  return {
    name,
    network: networkOf(network),
    binding: bindingName(nic as unknown as VmiInterface) ?? "",
    mac: textAt(status, "mac") || textAt(nic, "macAddress"),
    addresses: several.length === 0 && one !== "" ? [one] : several,
    state: stateOf(phase, textAt(nic, "state"), status),
  };
}

/** A VMI's NICs as a cluster reports them; `said`: the node agent's last word of it. */
export function clusterVmOf(vmi: Value, said: SaidEvent | undefined): ClusterVm {
  const phase = textAt(vmi, "status", "phase");
  const interfaces = objectsAt(vmi, "spec", "domain", "devices", "interfaces");
  return {
    namespace: textAt(vmi, "metadata", "namespace"),
    name: textAt(vmi, "metadata", "name"),
    phase,
    node: textAt(vmi, "status", "nodeName"),
    nics: interfaces.map((nic) => nicOf(vmi, nic, phase)),
    ...(said === undefined ? {} : { agent: { reason: said.reason, message: said.message, at: said.at } }),
  };
}
