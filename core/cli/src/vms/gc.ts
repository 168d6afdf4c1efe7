import { collectGarbage } from "@netbind/local";
import { type OutputFormat, print, printData } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { failuresJson, printFailures } from "./vm-failures.ts";

/** `netbind gc`: removes what no living VM owns. */
export async function gc(output: OutputFormat, resolve: Resolve): Promise<number> {
  const { removed, failed } = await collectGarbage(resolve(TOKENS.state), resolve(TOKENS.exec));
  if (output !== "text") printData({ removed, ...failuresJson(failed) }, output);
  else if (removed.length > 0) print(`removed: ${removed.join(", ")}`);
  else if (failed.length === 0) print("nothing to remove");
  return printFailures(failed, "is not removed");
}
