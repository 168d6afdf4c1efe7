import { BindingError } from "@netbind/contract";
import { formatViolation } from "@netbind/view";
import { printMessage, printLines } from "./output.ts";
import { InputError, PluginsFailedError } from "./errors.ts";

/** What went wrong, as the value of `error` in a command's JSON. */
export function failureJson(error: unknown): object {
  return {
    message: error instanceof Error ? error.message : String(error),
    ...(error instanceof BindingError ? { code: error.code, hint: error.hint } : {}),
    ...(error instanceof Error && "violations" in error ? { violations: error.violations } : {}),
    ...(error instanceof PluginsFailedError
      ? { plugins: error.failures.map(({ binding, vms }) => ({ binding, vms })) }
      : {}),
  };
}

/** Prints what went wrong: what was found in the input first. */
export function printError(error: unknown): void {
  if (error instanceof InputError || error instanceof PluginsFailedError)
    printLines(error.violations.map((found) => formatViolation(found)));
  const message = error instanceof Error ? error.message : String(error);
  printMessage(error instanceof BindingError ? `[${error.code}] ${message}\n    ${error.hint}` : message);
}
