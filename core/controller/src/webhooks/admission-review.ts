import { isObject } from "@netbind/contract/shape";
import type { PatchOperation } from "@netbind/kubevirt";

type Value = Readonly<Record<string, unknown>>;

/** What an API server asks of an object that is to be stored (admission.k8s.io/v1). */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly operation: "CREATE" | "UPDATE";
  /** The name of the account that stores it. */
  readonly username: string;
  readonly object: Value;
  /** Of an update. */
  readonly oldObject?: Value;
}

/** Why an object is refused, at one of its fields. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** What is answered. */
export interface AdmissionAnswer {
  /** Empty: the object may be stored. */
  readonly causes: readonly Cause[];
  /** For who stores it; a client prints them. */
  readonly warnings: readonly string[];
  /** What is changed of the object before it is stored; absent, and empty: nothing. */
  readonly patch?: readonly PatchOperation[];
  /** What HTTP calls the refusal; absent: the object is wrong. */
  readonly status?: { readonly code: number; readonly reason: string };
}

/** The object is stored as it is. */
export const ALLOWED: AdmissionAnswer = { causes: [], warnings: [] };

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads an AdmissionReview. Undefined: it is not one, or asks of another operation. */
export function readReview(review: unknown): AdmissionRequest | undefined {
  if (!isObject(review) || review["kind"] !== "AdmissionReview" || review["apiVersion"] !== "admission.k8s.io/v1")
    return undefined;
  const request = review["request"];
  if (!isObject(request) || !isObject(request["object"]) || !isObject(request["kind"])) return undefined;
  const { uid, operation, object, oldObject, namespace, name, kind, userInfo } = request;
  if (text(uid) === "" || (operation !== "CREATE" && operation !== "UPDATE")) return undefined;
  return {
    ...{ uid: text(uid), operation, object, namespace: text(namespace), name: text(name), kind: text(kind["kind"]) },
    username: text(isObject(userInfo) ? userInfo["username"] : undefined),
    ...(isObject(oldObject) ? { oldObject } : {}),
  };
}

/** The most characters of a warning, and of all of them: an API server cuts and drops what is more. */
const LONGEST_WARNING = 256;
const MOST_WARNINGS = 14;

const cut = (warning: string): string =>
  warning.length <= LONGEST_WARNING ? warning : `${warning.slice(0, LONGEST_WARNING - 3)}...`;

function boundedWarnings(warnings: readonly string[]): readonly string[] {
  if (warnings.length <= MOST_WARNINGS) return warnings.map(cut);
  const left = warnings.length - MOST_WARNINGS + 1;
  return [...warnings.slice(0, MOST_WARNINGS - 1).map(cut), `${left} more: run netbind validate`];
}

const INVALID = { code: 422, reason: "Invalid" } as const;
const encode = (patch: readonly PatchOperation[]): string => Buffer.from(JSON.stringify(patch)).toString("base64");

/** The AdmissionReview that answers one, as the API takes it. */
export function answerReview(uid: string, { causes, warnings, patch = [], status = INVALID }: AdmissionAnswer): object {
  const isAllowed = causes.length === 0;
  const message = causes.map((cause) => `${cause.field}: ${cause.message}`).join("; ");
  const response = {
    ...{ uid, allowed: isAllowed },
    ...(isAllowed ? {} : { status: { ...status, message, details: { causes } } }),
    ...(isAllowed && patch.length > 0 ? { patchType: "JSONPatch", patch: encode(patch) } : {}),
    ...(warnings.length === 0 ? {} : { warnings: boundedWarnings(warnings) }),
  };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}
