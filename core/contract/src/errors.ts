import { placeOf } from "./author-place.ts";

/** Every reason that crosses the contract. The specification's error tables say what the caller does about each. */
export const ERROR_CODES = [
  "ATTACHMENT_INVALID",
  "ATTACHMENT_MISSING",
  "ATTACH_UNSEALED",
  "CONTRACT_UNSUPPORTED",
  "DOMAIN_INVALID",
  "HOOK_UNSUPPORTED",
  "INTERNAL",
  "PLAN_IMPOSSIBLE",
  "PLAN_OUT_OF_BOUNDS",
  "PLUGIN_FAILED",
  "POD_LINK_MISSING",
  "UNAVAILABLE",
] as const;

/** A stable, machine-readable reason. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What was thrown, in words: an author may throw anything, and an error that cannot even be printed. */
function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) || thrown.name : String(thrown);
  } catch {
    return "something was thrown that cannot be printed";
  }
}

/** What to do where a binding did wrong: the reader may be its author, or one who uses it. */
export const BINDING_FAULT = "correct the binding where it is yours; else use another release of it and report this to its author";

/** The one error class of the contract: a stable code, a sentence with the facts quoted, and the next action. */
export class BindingError extends Error {
  override readonly name = "BindingError";
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }

  /** Normalises anything thrown. An author's own error becomes PLUGIN_FAILED or `code`, and stays as the cause. */
  static from(thrown: unknown, code: ErrorCode = "INTERNAL", where = ""): BindingError {
    if (thrown instanceof BindingError) return thrown;
    const own = code === "PLUGIN_FAILED";
    const place = own && thrown instanceof Error ? placeOf(thrown.stack ?? "") : undefined;
    const text = `${textOf(thrown)}${place === undefined ? "" : ` (at ${place})`}`;
    const hint = own ? BINDING_FAULT : "report this with the log of the process that failed";
    return new BindingError(code, where === "" ? text : `${where}: ${text}`, hint, { cause: thrown });
  }
}
