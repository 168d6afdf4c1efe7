import type { ErrorCode } from "@netbind/contract";

/** A reason of the agent's own. */
export type AgentReason =
  | "ATTACHED"
  | "ATTACH_FAILED"
  | "BINDING_UNREACHABLE"
  | "GRANTS_INVALID"
  | "NETWORK_MISSING"
  | "OPTIONS_OMITTED"
  | "POD_NAMESPACE_REFUSED"
  | "POD_NOT_ACTIVE"
  | "POD_NOT_CONTROLLED"
  | "POD_ON_HOST_NETWORK"
  | "POD_REFUSED"
  | "POD_USER"
  | "RECORD_UNREADABLE"
  | "REGISTRATION_MISMATCH"
  | "REPAIRED"
  | "SIDECAR_MISSING"
  | "TAKEN_OVER"
  | "VMI_MISSING";

/** What is said with a reason. */
export interface EventTexts {
  readonly type: "Normal" | "Warning";
  /** The next action; absent where none is needed, or where the event itself has one. */
  readonly hint?: string;
}

const NOTHING_DONE = "the agent did nothing for this pod";

/** The agent's own reasons of events, each with its type and the next action where one is needed. */
export const EVENT_REASONS: Readonly<Record<AgentReason, EventTexts>> = {
  ATTACHED: { type: "Normal" },
  ATTACH_FAILED: { type: "Warning", hint: "the agent tries again: see its log" },
  BINDING_UNREACHABLE: {
    type: "Warning",
    hint: "start the binding's process beside the node agent (its image, in the role binding), and see its log",
  },
  GRANTS_INVALID: {
    type: "Warning",
    hint: "correct the NetworkBinding (kubectl edit nb NAME); the agent then attaches the pod",
  },
  NETWORK_MISSING: {
    type: "Warning",
    hint: "check why the pod has no network: kubectl describe pod, and the log of the cluster's CNI plugin",
  },
  OPTIONS_OMITTED: { type: "Warning" },
  POD_NAMESPACE_REFUSED: { type: "Warning", hint: NOTHING_DONE },
  POD_NOT_ACTIVE: { type: "Warning", hint: NOTHING_DONE },
  POD_NOT_CONTROLLED: { type: "Warning", hint: NOTHING_DONE },
  POD_ON_HOST_NETWORK: { type: "Warning", hint: NOTHING_DONE },
  POD_REFUSED: { type: "Warning", hint: `${NOTHING_DONE}: correct the VM, and start it again` },
  POD_USER: { type: "Warning", hint: NOTHING_DONE },
  RECORD_UNREADABLE: {
    type: "Warning",
    hint: "the agent leaves this pod alone: use an agent of the version that wrote its record",
  },
  REGISTRATION_MISMATCH: { type: "Warning" },
  REPAIRED: { type: "Warning" },
  SIDECAR_MISSING: { type: "Warning", hint: "check why the pod's sidecars do not run: kubectl describe pod" },
  TAKEN_OVER: { type: "Normal" },
  VMI_MISSING: { type: "Warning", hint: NOTHING_DONE },
};

/** Why an event is recorded: a reason of the agent's, or the code of a binding's error. */
export type EventReason = AgentReason | ErrorCode;

const isOwn = (reason: EventReason): reason is AgentReason => Object.hasOwn(EVENT_REASONS, reason);

/** What is said with a reason. A binding's error has its own next action. */
export const eventTexts = (reason: EventReason): EventTexts =>
  isOwn(reason) ? EVENT_REASONS[reason] : { type: "Warning" };
