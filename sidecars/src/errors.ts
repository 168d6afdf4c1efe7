/** The errors of a sidecar: one function for each cause, in the order of the alphabet. */
import { BindingError } from "@netbind/contract";

/** A hook that is called before anything was attached. */
export const attachmentMissing = (): BindingError =>
  new BindingError("ATTACHMENT_MISSING", "no NIC is attached yet", "wait for the node agent");

/** A domain whose bytes are not text. */
export const domainNotText = (cause: unknown): BindingError =>
  new BindingError("DOMAIN_INVALID", "the domain is not UTF-8 text", "give the domain as libvirt prints it", { cause });

/** An Attach that the machine's uid 0 did not seal. */
export const unsealed = (what: string): BindingError =>
  new BindingError(
    "ATTACH_UNSEALED",
    `this Attach is refused: ${what}`,
    "only the node's agent attaches a sidecar: it seals what it sends",
  );
