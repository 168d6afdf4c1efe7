import { violation } from "@netbind/contract";
import type { VmiInterface } from "../../api.ts";
import { ignored } from "./netbind-rules.ts";
import { quote, type Rule } from "./rule.ts";

/** Why a NIC has one queue whatever the VM says; undefined where it may have more. */
function singleQueue(nic: VmiInterface): string | undefined {
  if (nic.sriov !== undefined) return "sriov";
  if (nic.slirp !== undefined || nic.binding?.name === "slirp") return "slirp";
  if (nic.binding?.name === "passt") return "the passt plugin";
  return nic.model && nic.model !== "virtio" ? `model ${quote(nic.model)}` : undefined;
}

/** What is asked of `networkInterfaceMultiqueue`. Source: reference, section 7.2 (pod). */
export const MULTIQUEUE_RULES: readonly Rule[] = [
  ignored({
    id: "QUEUE-2",
    means: "A VM with several queues for its NICs has a NIC that takes them.",
    why: "Only virtio cards on a tap, and passtBinding, have more than one queue.",
    fix: "use model virtio, or remove networkInterfaceMultiqueue",
    find: ({ vmi, interfaces }) => {
      const nics = interfaces.filter(({ state }) => state !== "absent");
      const whys = nics.flatMap((nic) => singleQueue(nic) ?? []);
      if (vmi.spec.domain.devices.networkInterfaceMultiqueue !== true || nics.length === 0 || whys.length < nics.length)
        return [];
      return [
        violation(
          "spec.domain.devices.networkInterfaceMultiqueue",
          `networkInterfaceMultiqueue has no effect: no interface takes several queues (${[...new Set(whys)].join(", ")})`,
          whys.some((why) => why.startsWith("model ")) ? "use model virtio, or remove the field" : "remove the field",
        ),
      ];
    },
  }),
];
