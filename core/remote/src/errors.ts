/** The errors of this package: one function for each cause, in the order of the alphabet. */
import { BINDING_FAULT, BindingError } from "@netbind/contract";

/** What does not exist yet and may come, unlike what is unavailable because something else is in its place. */
export class MissingEntryError extends BindingError {}

/** A binding that speaks another version of the contract. */
export const contractUnsupported = (binding: string, contract: string): BindingError =>
  new BindingError(
    "CONTRACT_UNSUPPORTED",
    `binding "${binding}" speaks the contract version "${contract}"`,
    "use a release of it that speaks v1alpha1",
  );

/** A hook of KubeVirt's that a binding's sidecar does not subscribe to. */
export const hookUnsupported = (): BindingError =>
  new BindingError("HOOK_UNSUPPORTED", "this sidecar does not change cloud-init data", "do not call PreCloudInitIso");

/** A message that lacks something, or says something that the contract does not know. */
export const malformed = (what: string): BindingError =>
  new BindingError(
    "ATTACHMENT_INVALID",
    `the message is malformed: ${what}`,
    "send the message as the specification of netbind.v1alpha1 defines it",
  );

/** A message that is longer than both ends take; `details` are gRPC's words. */
export const messageTooLong = (limit: number, details: string, cause: unknown): BindingError =>
  new BindingError(
    "PLUGIN_FAILED",
    `a message is longer than ${limit} bytes, or its sender has no room (${details})`,
    BINDING_FAULT,
    {
      cause,
    },
  );

/** A file or socket of a sidecar that does not exist yet. */
export const missingEntry = (name: string, cause: unknown): MissingEntryError =>
  new MissingEntryError("UNAVAILABLE", `"${name}" does not exist yet`, "wait until it exists", { cause });

/** A call without an answer until its deadline, in milliseconds. */
export const noAnswer = (deadline: number, cause: unknown): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `no answer came within ${deadline} ms`,
    "see the log of the process that should answer",
    { cause },
  );

/** An answer of a binding that does not follow the contract. */
export const unreadableAnswer = (cause: unknown): BindingError =>
  new BindingError("PLUGIN_FAILED", `the binding's answer cannot be read: ${(cause as Error).message}`, BINDING_FAULT, {
    cause,
  });

/** An entry of a pod's directory that is not what a sidecar makes there. */
export const untrusted = (what: string): BindingError =>
  new BindingError("UNAVAILABLE", what, "nothing was changed: find out what changes the pod's directory");
