import { isWrittenOnTap, type ResolvedBinding } from "@netbind/kubevirt";
import type { DecidedNic } from "../decide.ts";
import type { NicPlanner } from "./plan-nic.ts";
import { registeredPlanner } from "./registered-plan.ts";
import { registeredOnTap, registeredWithoutTap } from "../errors.ts";

/** A binding's planner whose plans fit the binding's registration in KubeVirt. */
export const checkedPlanner = (binding: string, planner: NicPlanner, onTap: boolean): NicPlanner => ({
  plan: async (attachment) => {
    const plan = await planner.plan(attachment);
    const plansTap = plan.domain.kind === "tap";
    if (onTap && !plansTap) throw registeredOnTap(binding, plan.domain.kind);
    if (!onTap && plansTap) throw registeredWithoutTap(binding);
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
