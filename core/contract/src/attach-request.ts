import type { Attachment } from "./attachment.ts";
import type { Plan } from "./plan.ts";

/** What a sidecar is sent once the network of its NICs is set up. */
export interface AttachRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** All NICs of the VM that use the sidecar's binding. */
  readonly nics: readonly { readonly attachment: Attachment; readonly plan: Plan }[];
}
