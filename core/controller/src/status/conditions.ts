/** The conditions of a NetworkBinding that its administrator may have to act on; `Ready` is all of them, and its grants. */
export type ConditionType = "ImageResolved" | "PlannerReachable" | "Registered";

/** Why a condition is as it is, for programs. */
export type Reason =
  | "Answering"
  | "Embedded"
  | "FallbackForbidden"
  | "FromRelease"
  | "FromSpec"
  | "GrantsInvalid"
  | "HyperConvergedUnreadable"
  | "ImageMissing"
  | "ImageUnresolved"
  | "KubeVirtMissing"
  | "NoSidecar"
  | "NotNeeded"
  | "NotPropagated"
  | "OwnKey"
  | "OwnedByOther"
  | "Ready"
  | "RegisteredByOther"
  | "RegistrationMismatch"
  | "Reverted"
  | "Silent"
  | "SocketMissing"
  | "WriteRefused"
  | "Written";

/** What is found of a binding, for one condition. */
export interface Verdict {
  readonly isTrue: boolean;
  readonly reason: Reason;
  readonly message: string;
}

export type Verdicts = Readonly<Record<ConditionType, Verdict>>;

/** A condition, as Kubernetes has them (meta/v1 Condition). */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** The most characters of a message: what the schema takes. */
const LONGEST_MESSAGE = 1024;
/** Whose failure is reported where several fail: what comes first keeps what comes after from being true. */
const ORDER: readonly ConditionType[] = ["ImageResolved", "Registered", "PlannerReachable"];

export const isTrue = (reason: Reason, message: string): Verdict => ({ isTrue: true, reason, message });
export const isFalse = (reason: Reason, message: string): Verdict => ({ isTrue: false, reason, message });

const ready = (verdicts: Verdicts, grants: Verdict | undefined): Verdict =>
  ORDER.map((type) => verdicts[type]).find((verdict) => !verdict.isTrue) ??
  grants ??
  isTrue("Ready", "VMs can use the binding by this name");

/**
 * The conditions that follow from what is found. The time of a condition whose status is as it was stays: it says since when.
 *
 * @param observedGeneration  of the object that was looked at
 * @param grants  what is wrong with what the object grants; undefined: nothing
 */
export function conditionsOf(
  { grants, ...verdicts }: Verdicts & { readonly grants?: Verdict | undefined },
  observedGeneration: number,
  before: readonly Condition[],
  now: Date,
): readonly Condition[] {
  const all = [...ORDER.map((type) => [type, verdicts[type]] as const), ["Ready", ready(verdicts, grants)] as const];
  return all.map(([type, verdict]) => {
    const status = verdict.isTrue ? "True" : "False";
    const last = before.find((one) => one.type === type);
    const isSame = last?.status === status;
    return {
      ...{ type, status, reason: verdict.reason, message: verdict.message.slice(0, LONGEST_MESSAGE) },
      observedGeneration,
      lastTransitionTime: isSame ? last.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, "Z"),
    };
  });
}
