import { violation } from "@netbind/contract";
import { nadOf, parseNadReference } from "../../pod/nads.ts";
import { type KnownLink, knownLinkOf, lacksIpam } from "../../pod/cni-plugins.ts";
import { guestSetups, nicOfEntry } from "../guest-setups.ts";
import { ignored, neverStarts } from "./netbind-rules.ts";
import { perNetwork, quote, type Rule, type RuleContext } from "./rule.ts";
import type { VmiNetwork } from "../../api.ts";

/** The network's link, where nothing gives it an address. */
function linkWithoutIpam(network: VmiNetwork, { vmi, nads }: RuleContext): KnownLink | undefined {
  const known = knownLinkOf(nadOf(network, vmi.metadata.namespace, nads));
  return known !== undefined && lacksIpam(known) ? known : undefined;
}

function definitionOf({ multus }: VmiNetwork, { vmi }: RuleContext): string {
  const { namespace, name } = parseNadReference(multus?.networkName ?? "", vmi.metadata.namespace);
  return `NetworkAttachmentDefinition ${namespace}/${name}`;
}

/** CNI plugins on which bridge does not work, or gets no link: another rule says so. */
const NOT_FOR_BRIDGE: readonly string[] = ["ipvlan", "macvlan", "sriov", "ib-sriov"];

/** Words of user data that sets addresses by itself. */
const SETS_ADDRESSES =
  /\bip,? (?:-[46],? )?a(?:ddr|ddress)?\b|ifconfig|ifcfg|nmcli|netplan|network\/interfaces|network-scripts|\.network\b/;

/** True where cloud-init may give a NIC its address: by an entry of its own, by one that may be any NIC's, or by commands. */
const isSetInGuest = (at: number, subject: RuleContext): boolean =>
  guestSetups(subject).some(
    ({ entries, userData }) =>
      SETS_ADDRESSES.test(userData) ||
      entries.some(
        (entry) => entry.addresses.length > 0 && [undefined, at].includes(nicOfEntry(entry, entries, subject)),
      ),
  );

/** What is asked of networks whose CNI plugin gives no address. Source: reference, sections 3.1 (pod) and 7.2. */
export const IPAM_RULES: readonly Rule[] = [
  ignored({
    id: "IPAM-1",
    means: "A bridge NIC's network gives it an address, or cloud-init does.",
    why: "KubeVirt serves by DHCP what the CNI plugin gave the pod's link; without IPAM that is nothing, and no DHCP server is started.",
    fix: "add ipam to the definition, set the address in networkData, or rely on a DHCP server of the network's own",
    find: perNetwork((network, path, subject) => {
      const at = subject.interfaces.findIndex(({ name }) => name === network.name);
      const nic = subject.interfaces[at];
      // A guest that boots from the network gets its address from the server that it boots from.
      if (
        nic?.bridge === undefined ||
        nic.bootOrder !== undefined ||
        nic.state === "absent" ||
        network.multus?.default === true
      )
        return [];
      const known = linkWithoutIpam(network, subject);
      if (known === undefined || NOT_FOR_BRIDGE.includes(known.type) || isSetInGuest(at, subject)) return [];
      return [
        violation(
          `${path}.multus.networkName`,
          `${definitionOf(network, subject)} has no ipam, so KubeVirt serves interface ${quote(nic.name)} no address by DHCP`,
          "add ipam to the definition, set the address in networkData, or rely on a DHCP server of the network's own",
        ),
      ];
    }),
  }),
  neverStarts({
    id: "IPAM-2",
    means: "A multus network that is the default gives the pod an address.",
    why: "A pod without an address is not started: the kubelet takes its sandbox down.",
    fix: "add ipam to the definition, or attach the network beside a pod network",
    find: perNetwork((network, path, subject) => {
      if (network.multus?.default !== true || linkWithoutIpam(network, subject) === undefined) return [];
      return [
        violation(
          `${path}.multus.networkName`,
          `${definitionOf(network, subject)} has no ipam, so the pod would have no address on its default network and never starts`,
          "add ipam to the definition, or attach the network beside a pod network",
        ),
      ];
    }),
  }),
];
