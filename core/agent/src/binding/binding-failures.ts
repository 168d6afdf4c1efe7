/** Several bindings of a pod failed, or refuse it: each with an error of its own, which is reported by itself. */
export class BindingFailuresError extends AggregateError {
  override readonly name = "BindingFailuresError";

  constructor(failures: readonly unknown[]) {
    super(failures, failures.map((one) => (one instanceof Error ? one.message : String(one))).join("; "));
  }
}

/** The failures that an error stands for: those of several bindings, or itself. */
export const failuresOf = (error: unknown): readonly unknown[] =>
  error instanceof BindingFailuresError ? error.errors.flatMap(failuresOf) : [error];

/** Throws all failures as one error, or the only one as it is; nothing where there is none. */
export function throwFailures(failures: readonly unknown[]): void {
  if (failures.length > 1) throw new BindingFailuresError(failures);
  if (failures.length === 1) throw failures[0];
}
