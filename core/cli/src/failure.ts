import { BindingError } from "@netbind/contract";
import { type CheckedVm, type Report, violationLines, withoutExcerpt } from "@netbind/view";
import { codeOfError } from "./error-codes.ts";
import { InputError, PluginsFailedError } from "./errors.ts";
import { findingFormat, printMessage, printStyledMessage } from "./output.ts";

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What went wrong, as the value of `error` in a command's JSON. */
export function failureJson(error: unknown): object {
  return {
    code: codeOfError(error),
    message: messageOf(error),
    ...(error instanceof BindingError ? { hint: error.hint } : {}),
    ...(error instanceof InputError || error instanceof PluginsFailedError
      ? { violations: error.violations.map(({ rule = "SCHEMA", ...found }) => withoutExcerpt({ ...found, rule })) }
      : error instanceof Error && "violations" in error
        ? { violations: error.violations }
        : {}),
    ...(error instanceof PluginsFailedError
      ? { plugins: error.failures.map(({ binding, vms }) => ({ binding, vms })) }
      : {}),
  };
}

/** Prints what went wrong: what was found in the input first. */
export function printError(error: unknown): void {
  if (error instanceof InputError || error instanceof PluginsFailedError)
    for (const { rule = "SCHEMA", ...found } of error.violations)
      printStyledMessage(violationLines({ ...found, rule }, findingFormat(process.stderr)));
  const message = messageOf(error);
  printMessage(error instanceof BindingError ? `[${error.code}] ${message}\n    ${error.hint}` : message);
}

/** A report of a command that failed before it could look at anything. */
export const failedReport = (
  error: unknown,
): Pick<Report, "findings" | "ignored" | "notChecked" | "errors"> & {
  readonly vms: readonly CheckedVm[];
} => ({ findings: [], ignored: [], notChecked: [], vms: [], errors: [`[${codeOfError(error)}] ${messageOf(error)}`] });
