import { violation } from "@netbind/contract";
import { nicQueues } from "../../nic/queues.ts";
import type { Rule, RuleContext } from "./rule.ts";

/** About as many interrupt vectors (MSI) as a guest has (the guide's figure), and from where on it is reported. */
const VECTORS = { limit: 200, near: 160 } as const;

/** Vectors of a VM's devices: one for each queue of a NIC, one for every other virtio or assigned device. */
function vectorsOf({ vmi, interfaces }: RuleContext): number {
  const nics = interfaces
    .filter(({ state }) => state !== "absent")
    .map((nic) => Math.max(1, nicQueues(vmi.spec, nic.model || "virtio")));
  const disks = (vmi.spec.domain.devices.disks ?? []).filter(({ disk }) => disk?.bus === "virtio");
  return nics.reduce((sum, queues) => sum + queues, disks.length);
}

/** What is asked of queues. Source: the guide's limits of virtio-net multiqueue. */
export const QUEUE_RULES: readonly Rule[] = [
  {
    id: "QUEUE-1",
    means: "The queues of a VM's NICs leave room among its guest's interrupt vectors.",
    why: `A guest has about ${VECTORS.limit} of them, and each queue takes one, whether the guest uses the queue or not; a device that gets none falls back to one queue, or fails.`,
    fix: "use fewer processors or NICs, or switch networkInterfaceMultiqueue off",
    reason: "FieldValueInvalid",
    consequence: "ignored",
    judge: "netbind",
    find: (subject) => {
      if (subject.vmi.spec.domain.devices.networkInterfaceMultiqueue !== true) return [];
      const vectors = vectorsOf(subject);
      if (vectors < VECTORS.near) return [];
      return [
        violation(
          "spec.domain.devices.networkInterfaceMultiqueue",
          `the VM's NICs and disks take ${vectors} interrupt vectors, and a guest has about ${VECTORS.limit}`,
          "use fewer processors or NICs, or switch it off",
        ),
      ];
    },
  },
];
