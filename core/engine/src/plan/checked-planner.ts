import { BindingError, type Plan } from "@netbind/contract";
import { isWrittenOnTap, type ResolvedBinding } from "@netbind/kubevirt";
import type { DecidedNic } from "../decide.ts";
import type { NicPlanner } from "./plan-nic.ts";
import { registeredPlanner } from "./registered-plan.ts";

const FIELD = "spec.configuration.network.binding";

/** A plan and a registration that each expect the other to write the NIC, or both do it. */
function refuse(binding: string, { domain }: Plan, onTap: boolean): BindingError {
  return new BindingError(
    "PLAN_IMPOSSIBLE",
    onTap
      ? `binding "${binding}" plans a domain part of kind ${domain.kind}, but its registration makes KubeVirt write a NIC on a tap`
      : `binding "${binding}" plans a tap, but its registration does not make KubeVirt write the NIC: the guest would have none`,
    onTap
      ? `remove domainAttachmentType from ${FIELD}.${binding} in the KubeVirt CR`
      : `set ${FIELD}.${binding}.domainAttachmentType to "tap" in the KubeVirt CR`,
  );
}

/** A binding's planner whose plans fit what KubeVirt was told of the binding. */
export const checkedPlanner = (binding: string, planner: NicPlanner, onTap: boolean): NicPlanner => ({
  plan: async (attachment) => {
    const plan = await planner.plan(attachment);
    if ((plan.domain.kind === "tap") !== onTap) throw refuse(binding, plan, onTap);
    return plan;
  },
});

/**
 * Who plans for a NIC: its binding's registration, where that is data alone, else the plugin; where the VM names a plugin
 * that is registered with an image, its plans must fit the registration, as they must in a cluster.
 */
export function plannerFor(
  nic: Pick<DecidedNic, "binding" | "isPlugin">,
  bindings: readonly ResolvedBinding[],
  plugin: () => NicPlanner,
): NicPlanner {
  const binding = bindings.find(({ name }) => name === nic.binding);
  const registered = registeredPlanner(binding);
  if (registered !== undefined) return registered;
  if (!nic.isPlugin || binding?.from !== "registered" || binding.image === undefined) return plugin();
  return checkedPlanner(binding.name, plugin(), isWrittenOnTap(binding.domainAttachmentType));
}
