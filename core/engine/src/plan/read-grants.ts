import type { Violation } from "@netbind/contract";
import { checkGrants, type GrantsByBinding } from "./grants.ts";

/** Grants that say something else than grants: all that is wrong with them. */
export class GrantsError extends Error {
  override readonly name = "GrantsError";

  constructor(file: string, problems: readonly Violation[]) {
    const lines = problems.map(({ field, problem, fix }) => `${file}: ${field === "" ? "" : `${field}: `}${problem}\n    fix: ${fix}`);
    super(lines.join("\n"));
  }
}

/**
 * Reads what an administrator grants bindings, by registered name.
 *
 * @throws GrantsError where it cannot be read, or is not as it should be
 */
export function readGrants(file: string, read: () => string): GrantsByBinding {
  let grants: unknown;
  try {
    grants = JSON.parse(read());
  } catch (error) {
    throw new GrantsError(file, [{ field: "", problem: (error as Error).message, fix: "give a file of JSON" }]);
  }
  const problems = checkGrants(grants);
  if (problems.length > 0) throw new GrantsError(file, problems);
  return grants as GrantsByBinding;
}
