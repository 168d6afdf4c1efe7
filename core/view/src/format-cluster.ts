import { ageOf } from "./age.ts";
import type { Screen } from "./format-vm.ts";
import { table } from "./table.ts";

/** A NIC of a VM as its cluster reports it. A text is empty where nothing is known. */
export interface ClusterNic {
  readonly name: string;
  /** `pod`, or the NetworkAttachmentDefinition or resource claim that its network names. */
  readonly network: string;
  readonly binding: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** `up` or `down` while the VM runs, else the VM's phase. */
  readonly state: string;
}

/** A VM of a cluster (its VMI). */
export interface ClusterVm {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly node: string;
  readonly nics: readonly ClusterNic[];
  /** The node agent's last word of it; absent: it has none, or none that the cluster still keeps. */
  readonly agent?: { readonly reason: string; readonly message: string; readonly at: string };
}

const dash = (text: string): string => (text === "" ? "-" : text);

/** The NICs of a cluster's VMs as a table. */
export function clusterTable(vms: readonly ClusterVm[], { width, now }: Screen): string {
  const header = ["VM", "NODE", "NIC", "NETWORK", "BINDING", "MAC", "ADDRESSES", "STATE", "AGENT"];
  const rows = vms.flatMap(({ namespace, name, node, phase, nics, agent }) => {
    const said = agent === undefined ? "-" : `${agent.reason} (${ageOf(Date.parse(agent.at), now)} ago)`;
    const vm = `${namespace}/${name}`;
    if (nics.length === 0) return [[vm, dash(node), "-", "-", "-", "-", "-", dash(phase), said]];
    return nics.map((nic) => [
      ...[vm, dash(node), nic.name, dash(nic.network), dash(nic.binding), dash(nic.mac)],
      ...[nic.addresses.length === 0 ? "-" : nic.addresses, dash(nic.state), said],
    ]);
  });
  return table([header, ...rows], width);
}
