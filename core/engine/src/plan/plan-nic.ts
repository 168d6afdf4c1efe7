import { type Attachment, type Binding, BindingError, type Plan } from "@netbind/contract";

/** Where a binding's plan comes from: the plugin in this process, or one behind a socket. */
export interface NicPlanner {
  plan(attachment: Attachment): Promise<Plan>;
}

/** A plugin in this process. */
export const plannerOf = (binding: Binding): NicPlanner => ({ plan: async (attachment) => binding.plan(attachment) });

/**
 * Asks a binding for a NIC's plan, and stamps who was asked for what on anything that it throws.
 *
 * @throws BindingError the binding's own, or PLUGIN_FAILED with the author's error as its cause
 */
export async function planNic(planner: NicPlanner, attachment: Attachment, binding: string): Promise<Plan> {
  try {
    return await planner.plan(attachment);
  } catch (error) {
    const where = `binding "${binding}" failed to plan NIC "${attachment.name}"`;
    if (!(error instanceof BindingError)) throw BindingError.from(error, "PLUGIN_FAILED", where);
    throw new BindingError(error.code, error.message.includes(where) ? error.message : `${where}: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}
