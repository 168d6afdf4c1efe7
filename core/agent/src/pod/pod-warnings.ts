import { type AttachedNic, registrationConflicts, serviceWarnings } from "@netbind/engine";
import type { KubeVmi } from "@netbind/kube";
import type { AgentReason } from "../event-reasons.ts";
import type { ServedBinding } from "../binding/binding-registry.ts";

/** What an administrator or the VM's author should know of a pod that is attached all the same. */
export interface PodWarning {
  /** What a guest does not get; or where a binding and its registration differ about migration. */
  readonly reason: Extract<AgentReason, "OPTIONS_OMITTED" | "REGISTRATION_MISMATCH">;
  readonly message: string;
  readonly hint?: string;
}

/** What a guest does not get of its binding's plan. */
export const omittedOptions = (attached: readonly AttachedNic[]): readonly PodWarning[] =>
  attached
    .flatMap(({ attachment, plan }) => serviceWarnings(attachment.name, plan.services ?? []))
    .map((message) => ({ reason: "OPTIONS_OMITTED", message }));

/** The VM runs well until it is migrated, or cannot be: that is reported before. */
export const migrationMismatches = (vmi: KubeVmi, served: ReadonlyMap<string, ServedBinding>): readonly PodWarning[] =>
  registrationConflicts(vmi, served).migration.map(({ field, problem, fix }) => ({
    reason: "REGISTRATION_MISMATCH",
    message: `${field}: ${problem}`,
    hint: fix,
  }));
