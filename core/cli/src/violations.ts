import { terminalLine } from "@netbind/engine";
import type { InputViolation } from "@netbind/input";

/** A violation as text: one line for what is wrong, one for what to do. What it quotes may be anything. */
export const formatViolation = ({ file, line, field, problem, fix }: InputViolation, word = ""): string =>
  `${terminalLine(file)}:${line}: ${word}${field === "" ? "" : `${terminalLine(field)}: `}${terminalLine(problem)}\n    fix: ${terminalLine(fix)}`;

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
