import { checkGrants } from "@netbind/engine";
import type { NetworkBinding } from "../network-binding.ts";
import { isFalse, type Verdict } from "./conditions.ts";

/** What is wrong with what a binding is granted; undefined: nothing. Node agents attach none of its pods then. */
export function judgeGrants({ name, spec }: Pick<NetworkBinding, "name" | "spec">): Verdict | undefined {
  const problems = checkGrants({ [name]: spec.grants ?? {} });
  const all = problems.map(({ field, problem, fix }) => `spec.grants${field.slice(name.length)}: ${problem} (${fix})`);
  return all.length === 0 ? undefined : isFalse("GrantsInvalid", `no pod is attached: ${all.join("; ")}`);
}
