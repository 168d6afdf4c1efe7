import type { InputViolation } from "./input/documents.ts";

/** Violations as text: one line for what is wrong, one for what to do. */
export const showViolations = (violations: readonly InputViolation[]): string =>
  violations
    .map(({ file, line, field, problem, fix }) => `${file}:${line}: ${field === "" ? "" : `${field}: `}${problem}\n    fix: ${fix}\n`)
    .join("");

/** The input is refused: all that is wrong with it. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly violations: readonly InputViolation[];

  constructor(violations: readonly InputViolation[]) {
    super(`the input is refused: ${violations.length} ${violations.length === 1 ? "problem" : "problems"}`);
    this.violations = violations;
  }
}
