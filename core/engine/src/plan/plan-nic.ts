import type { Attachment, Binding, Plan } from "@netbind/contract";
import { askBinding } from "./ask-binding.ts";

/** Where a binding's plan comes from: the plugin in this process, or one behind a socket. */
export interface NicPlanner {
  plan(attachment: Attachment): Promise<Plan>;
}

/** A plugin in this process. */
export const plannerOf = (binding: Binding): NicPlanner => ({ plan: async (attachment) => binding.plan(attachment) });

/**
 * Asks a binding for a NIC's plan.
 *
 * @throws BindingError the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export const planNic = (planner: NicPlanner, attachment: Attachment, binding: string): Promise<Plan> =>
  askBinding(`binding "${binding}" failed to plan NIC "${attachment.name}"`, () => planner.plan(attachment));
