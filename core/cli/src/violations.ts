import type { InputViolation } from "@netbind/input";

/** The input is refused: all that is wrong with it. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly violations: readonly InputViolation[];

  constructor(violations: readonly InputViolation[]) {
    super(`the input is refused: ${violations.length} ${violations.length === 1 ? "problem" : "problems"}`);
    this.violations = violations;
  }
}

/** Files that options name cannot be read, or are not what they are to be: all that is wrong, a line each. */
export class NamedFileError extends Error {
  override readonly name = "NamedFileError";

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
  }
}
