import { locationOf } from "./author-location.ts";
import { quote } from "./shape.ts";

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

/** What an author throws may be anything: reading it may throw again. */
function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** What was thrown, in words. */
export function textOfThrown(thrown: unknown): string {
  const text = tryRead(() => {
    if (typeof thrown === "string" && thrown.trim() !== "") return thrown;
    return thrown instanceof Error
      ? String(thrown.message) || String(thrown.name)
      : `${quote(thrown)} was thrown, which is not an Error`;
  });
  return text ?? "something was thrown that cannot be printed";
}

/** The stack trace of what was thrown; undefined where it has none that can be read. */
export function stackOfThrown(thrown: unknown): string | undefined {
  const stack = tryRead((): unknown => (thrown instanceof Error ? thrown.stack : undefined));
  return typeof stack === "string" ? stack : undefined;
}

/** What to do where a binding did wrong: the reader may be its author, or one who uses it. */
export const BINDING_FAULT =
  "correct the binding where it is yours; else use another release of it and report this to its author";

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

  /** True for an error of this class as its type says: one that an author made may have any code and any text. */
  static is(thrown: unknown): thrown is BindingError {
    const isSound = (): boolean =>
      thrown instanceof BindingError &&
      ERROR_CODES.includes(thrown.code) &&
      [thrown.message, thrown.hint].every((text: unknown) => typeof text === "string");
    return tryRead(isSound) === true;
  }

  /** Normalizes anything thrown. An author's own error becomes PLUGIN_FAILED or `code`, and stays as the cause. */
  static from(thrown: unknown, code: ErrorCode = "INTERNAL", where = ""): BindingError {
    if (BindingError.is(thrown)) return thrown;
    const own = code === "PLUGIN_FAILED";
    const location = own ? locationOf(stackOfThrown(thrown) ?? "") : undefined;
    const text = `${textOfThrown(thrown)}${location === undefined ? "" : ` (at ${location})`}`;
    const hint = own ? BINDING_FAULT : "report this with the log of the process that failed";
    return new BindingError(code, where === "" ? text : `${where}: ${text}`, hint, { cause: thrown });
  }
}
