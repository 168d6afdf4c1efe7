import { isObject } from "@netbind/contract/shape";

type Value = Readonly<Record<string, unknown>>;

/** What an API server asks of an object that is to be stored (admission.k8s.io/v1). */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly operation: "CREATE" | "UPDATE";
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
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads an AdmissionReview. Undefined: it is not one, or asks of another operation. */
export function readReview(review: unknown): AdmissionRequest | undefined {
  if (!isObject(review) || review["kind"] !== "AdmissionReview" || review["apiVersion"] !== "admission.k8s.io/v1")
    return undefined;
  const request = review["request"];
  if (!isObject(request) || !isObject(request["object"]) || !isObject(request["kind"])) return undefined;
  const { uid, operation, object, oldObject, namespace, name, kind } = request;
  if (text(uid) === "" || (operation !== "CREATE" && operation !== "UPDATE")) return undefined;
  return {
    ...{ uid: text(uid), operation, object, namespace: text(namespace), name: text(name), kind: text(kind["kind"]) },
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

/** The AdmissionReview that answers one, as the API takes it. */
export function answerReview(uid: string, { causes, warnings }: AdmissionAnswer): object {
  const [first] = causes;
  const message = causes.map((cause) => `${cause.field}: ${cause.message}`).join("; ");
  const status = { code: 422, reason: "Invalid", message, details: { causes } };
  const response = {
    ...{ uid, allowed: first === undefined },
    ...(first === undefined ? {} : { status }),
    ...(warnings.length === 0 ? {} : { warnings: boundedWarnings(warnings) }),
  };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}
