import type { Finding } from "@netbind/kubevirt/admission";
import type { InputViolation } from "./documents.ts";

/** What was found at one place of the input. */
export interface InputFinding extends InputViolation {
  /** A rule's id, SCHEMA for a document of another shape, or ADMIT for what a binding's plugin refuses. */
  readonly rule: string;
  /** Kubernetes' word for the kind of mistake. */
  readonly reason: string;
  /** `rejected`: the API refuses it. All else is accepted, and comes to this afterwards. */
  readonly consequence: Finding["rule"]["consequence"];
  /** What comes of it, where the consequence alone says too little. */
  readonly outcome?: string;
  /** The VM's author has it ignored. */
  readonly ignored?: true;
}
