import { whyNotIgnored } from "@netbind/input";
import { OptionError } from "../errors.ts";

/** Refuses rules of `--ignore` that cannot be ignored. @throws OptionError with all of them */
export function checkIgnoredRules(ignore: readonly string[] = []): void {
  const problems = ignore.flatMap((id) => {
    const problem = whyNotIgnored(id);
    return problem === undefined ? [] : [`--ignore ${id}: ${problem}`];
  });
  if (problems.length > 0)
    throw new OptionError(`${problems.join("\n")}\nname rules that warn; netbind explain lists all rules`);
}
