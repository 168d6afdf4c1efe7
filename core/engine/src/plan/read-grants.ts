import type { Violation } from "@netbind/contract";
import { checkGrants, type GrantsByBinding } from "./grants.ts";
import { parseJson } from "./parse-json.ts";

/** Grants that say something else than grants: all that is wrong with them. */
export class GrantsError extends Error {
  override readonly name = "GrantsError";

  constructor(file: string, problems: readonly Violation[]) {
    const lines = problems.map(
      ({ field, problem, fix }) => `${file}: ${field === "" ? "" : `${field}: `}${problem}\n    fix: ${fix}`,
    );
    super(lines.join("\n"));
  }
}

/** The value of a text of JSON. @throws GrantsError where the file cannot be read, or has other text */
function parseGrants(file: string, read: () => string): unknown {
  let text: string;
  try {
    text = read();
  } catch (error) {
    const problem = `it cannot be read: ${(error as Error).message}`;
    throw new GrantsError(file, [{ field: "", problem, fix: "name a file that exists and that this user may read" }]);
  }
  const parsed = parseJson(text);
  if ("value" in parsed) return parsed.value;
  const fix = 'write JSON such as {"routed-tap": {"sysctls": ["net.ipv4.conf.<own>.proxy_arp"]}}';
  throw new GrantsError(`${file}:${parsed.line}:${parsed.column}`, [{ field: "", problem: parsed.problem, fix }]);
}

/**
 * Reads what an administrator grants bindings, by registered name.
 *
 * @throws GrantsError with all that is wrong, each with its place, where it cannot be read, or is not as it should be
 */
export function readGrants(file: string, read: () => string): GrantsByBinding {
  const grants = parseGrants(file, read);
  const problems = checkGrants(grants);
  if (problems.length > 0) throw new GrantsError(file, problems);
  return grants as GrantsByBinding;
}
