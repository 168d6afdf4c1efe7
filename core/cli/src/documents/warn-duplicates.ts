import { duplicateFinding, type InputViolation } from "@netbind/input";
import { outcomeOf, violationLines } from "@netbind/view";
import { findingFormat, printMessage, printStyledMessage } from "../output.ts";

/** Warns about keys that are written twice, in the words of `netbind validate`: what is started may not be what was meant. */
export function warnDuplicates(duplicates: readonly InputViolation[], ignore: readonly string[] = []): void {
  const found = duplicates.map(duplicateFinding);
  if (found.some(({ rule }) => ignore.includes(rule))) {
    printMessage(`${found.length} ignored: ${found.map(({ rule }) => rule).join(", ")}`);
    return;
  }
  const format = findingFormat(process.stderr);
  for (const one of found) printStyledMessage(violationLines(one, format, outcomeOf(one)));
}
