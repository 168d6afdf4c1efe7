/** The errors of this package: one function for each cause, in the order of the alphabet, after the classes that they are of. */
import type { Stats } from "node:fs";
import { BindingError, type Violation } from "@netbind/contract";
import { SettingError } from "@netbind/netns";
import type { AgentReason } from "./event-reasons.ts";

/** Why a pod is not attached, with the reason of its event: the reason's next action is in the table of events. */
export class AgentError extends Error {
  override readonly name: string = "AgentError";
  readonly reason: AgentReason;

  constructor(reason: AgentReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Something that is on its way is not there: no failure, and asked again soon. Its reason is that of where it does not come. */
export class NotReadyError extends AgentError {
  override readonly name = "NotReadyError";
}

/** A pod's process or its network namespace cannot be identified with certainty. */
export class PodProcessError extends AgentError {
  override readonly name = "PodProcessError";

  constructor(message: string) {
    super("POD_NAMESPACE_REFUSED", message);
  }
}

/** A pod that is not attached, with all that speaks against it. Nothing was made for it. */
export class PodRefusedError extends AgentError {
  override readonly name = "PodRefusedError";
  readonly violations: readonly Violation[];

  constructor(vmi: string, violations: readonly Violation[]) {
    const all = violations.map(({ field, problem, fix }) => `${field}: ${problem} (${fix})`);
    super("POD_REFUSED", `VMI "${vmi}" cannot be attached: ${all.join("; ")}`);
    this.violations = violations;
  }
}

/** The process of a binding that does not answer. */
export const bindingSilent = (binding: string, cause: Error): NotReadyError =>
  new NotReadyError("BINDING_UNREACHABLE", `binding "${binding}" does not answer: ${cause.message}`, { cause });

/** A value of `--binding-user` that cannot be read. */
export const invalidBindingUser = (text: string): Error =>
  new Error(`--binding-user: ${JSON.stringify(text)} is not NAME=UID`);

/** What a NetworkBinding grants cannot be used; `problems` have the binding's name before their fields. */
export const invalidGrants = (binding: string, problems: readonly Violation[]): AgentError => {
  const all = problems.map(
    ({ field, problem, fix }) => `spec.grants${field.slice(binding.length)}: ${problem} (${fix})`,
  );
  return new AgentError("GRANTS_INVALID", `NetworkBinding "${binding}" does not grant anything: ${all.join("; ")}`);
};

export const invalidPodUid = (uid: string): Error => new Error(`${JSON.stringify(uid)} is not a valid UID of a pod`);

/** A pod of whose network multus does not report yet. */
export const missingNetwork = (): NotReadyError =>
  new NotReadyError("NETWORK_MISSING", "multus does not report the pod's network yet");

/** A binding with a NetworkBinding, and without a directory for its process. */
export const missingPlanner = (binding: string): NotReadyError =>
  new NotReadyError("BINDING_UNREACHABLE", `NetworkBinding "${binding}" has no process on this node that plans for it`);

export const missingSidecar = (binding: string): Error => new Error(`the pod has no sidecar of binding "${binding}"`);

/** A sidecar without a process, or whose process ended while it was worked with; `what` is the whole sentence. */
export const missingSidecarProcess = (what: string): NotReadyError => new NotReadyError("SIDECAR_MISSING", what);

/** A directory of a binding that has no socket. */
export const missingSocket = (binding: string, socket: string): NotReadyError =>
  new NotReadyError("BINDING_UNREACHABLE", `binding "${binding}" does not serve at ${socket}`);

/** A pod's process in the network of the node. */
export const nodesNamespace = (): PodProcessError =>
  new PodProcessError("the pod's network namespace is the node's own");

/** A sidecar that has not started, or has ended. */
export const noSidecarProcess = (): NotReadyError => missingSidecarProcess("no process of the sidecar runs");

/** Processes of a sidecar that are in different networks. */
export const severalNamespaces = (): PodProcessError =>
  new PodProcessError("processes of the sidecar are in different network namespaces");

/** Services of a pod that is gone, which do not end. */
export const stubbornProcesses = (uid: string, pids: readonly number[]): AgentError =>
  new AgentError("ATTACH_FAILED", `processes ${pids.join(", ")} of pod ${uid} do not end`);

/** A directory of a binding that another user may write to. */
export const untrustedSocket = (
  binding: string,
  directory: string,
  { found, uid }: { readonly found: Stats; readonly uid: number },
): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `${directory} belongs to uid ${found.uid} and has mode ${(found.mode & 0o7777).toString(8)}: it must belong to uid ${uid}, and no other user may write to it`,
    `chown ${uid} ${directory} && chmod go-w ${directory}, or name the user to the agent: --binding-user ${binding}=UID`,
  );

/** A binding of a pod for which no process serves. */
export const unservedBinding = (binding: string): Error => new Error(`no process serves binding "${binding}"`);

/** A directory for the agent's records that cannot be made. */
export const unusableState = (directory: string, code: string): SettingError =>
  new SettingError(
    `the directory ${directory} cannot be made (${code}): mount a directory of the node's there, or name one with --state`,
  );
