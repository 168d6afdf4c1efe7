import { readFileSync } from "node:fs";
import type { Violation } from "@netbind/contract";
import { checkGrants, type Grants } from "@netbind/engine";

/** Grants that say something else than grants: all that is wrong with them. */
export class GrantsError extends Error {
  override readonly name = "GrantsError";

  constructor(file: string, problems: readonly Violation[]) {
    const lines = problems.map(({ field, problem, fix }) => `${file}: ${field === "" ? "" : `${field}: `}${problem}\n    fix: ${fix}`);
    super(lines.join("\n"));
  }
}

/**
 * Reads what the administrator grants bindings, by registered name.
 *
 * @throws GrantsError where it is not as it should be, Error where the file cannot be read
 */
export function readGrants(file: string): Readonly<Record<string, Partial<Grants>>> {
  let grants: unknown;
  try {
    grants = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new GrantsError(file, [{ field: "", problem: (error as Error).message, fix: "give a file of JSON" }]);
  }
  const problems = checkGrants(grants);
  if (problems.length > 0) throw new GrantsError(file, problems);
  return grants as Readonly<Record<string, Partial<Grants>>>;
}
