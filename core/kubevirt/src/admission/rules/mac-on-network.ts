import { violation } from "@netbind/contract";
import type { VmiInterface } from "../../api.ts";
import { isPrimary } from "../../nic/names.ts";
import { cniTypes, nadOf } from "../../pod/nads.ts";
import { takenMacBinding } from "../../nic/taken-mac.ts";
import { plainMac } from "../guest-setups.ts";
import { sharedMacKey } from "../surroundings.ts";
import { ignored } from "./netbind-rules.ts";
import { perInterface, quote, type Rule, type RuleContext } from "./rule.ts";

/** CNI plugins that give a link a MAC address by the chained plugin tuning alone. */
const BY_TUNING: readonly string[] = ["flannel", "ptp"];
const TUNING: readonly string[] = ["cnv-tuning", "tuning"];

/** Why a NIC's network does not know the NIC's MAC address, and what to do; undefined where it does, or may. */
function untold(nic: VmiInterface, subject: RuleContext): { readonly why: string; readonly fix: string } | undefined {
  const network = subject.networkOf(nic);
  if (network === undefined) return undefined;
  if (isPrimary(network)) {
    const fix =
      network.pod === undefined
        ? "remove macAddress, or see that the network lets it through"
        : "remove macAddress, or use masquerade: {}";
    return { why: "KubeVirt sends it to the CNI plugins of secondary networks alone", fix };
  }
  const nad = nadOf(network, subject.vmi.metadata.namespace, subject.nads);
  const types = nad === undefined ? [] : cniTypes(nad);
  const type = types.some((name) => TUNING.includes(name)) ? undefined : types.find((name) => BY_TUNING.includes(name));
  if (type === undefined) return undefined;
  return {
    why: `${type} takes none without the chained plugin tuning`,
    fix: "add the plugin tuning to the definition, or remove macAddress",
  };
}

/** Who else has a MAC address on a network; undefined where nobody else is known to. */
function otherOwner(key: string, { vmi, copies, surroundings }: RuleContext): string | undefined {
  if (copies > 1) return `each of the ${copies} VMs that this template makes`;
  const owner = surroundings.macOwners?.get(key);
  return owner === undefined || owner === `${vmi.metadata.namespace}/${vmi.metadata.name}`
    ? undefined
    : `VM ${owner} too, on the same network`;
}

/** What is asked of MAC addresses beyond the VM that names them. Source: reference, sections 6.7 and 7.4. */
export const MAC_ON_NETWORK_RULES: readonly Rule[] = [
  ignored({
    id: "MAC-4",
    means: "A MAC address is one VM's on a network.",
    why: "Switches and bridges learn one place for an address: frames for one of the VMs go to the other.",
    fix: "give every VM a MAC address of its own",
    find: perInterface((nic, path, subject) => {
      const key = sharedMacKey(subject.vmi, nic, subject.nads);
      const owner = key === undefined ? undefined : otherOwner(key, subject);
      return owner === undefined
        ? []
        : [
            violation(
              `${path}.macAddress`,
              `${quote(nic.macAddress)} is the MAC address of ${owner}`,
              "give every VM a MAC address of its own",
            ),
          ];
    }),
  }),
  ignored({
    id: "MAC-5",
    means: "A NIC that takes its pod link's place has a MAC address that its CNI plugin knows.",
    why: "A network that lets through the address it gave the pod alone, by its CNI plugin or by a spoof check, drops the guest's frames.",
    fix: "remove macAddress, or use masquerade on the pod network",
    find: perInterface((nic, path, subject) => {
      const taker = takenMacBinding(nic, subject.configuration);
      const isNamed = plainMac(nic.macAddress ?? "") !== undefined && nic.state !== "absent";
      const found = isNamed && taker !== undefined ? untold(nic, subject) : undefined;
      if (found === undefined) return [];
      return [
        violation(
          `${path}.macAddress`,
          `the network's CNI plugin does not receive ${quote(nic.macAddress)}, and may drop the guest's frames: ${found.why}`,
          found.fix,
        ),
      ];
    }),
  }),
];
