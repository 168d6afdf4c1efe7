import { findVm, forEachVm, stopVm } from "@netbind/local";
import { type OutputFormat, printData, printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { failuresJson, printFailures } from "./vm-failures.ts";

/** `netbind stop`: ends VMs from their records alone. */
export async function stop(
  names: readonly string[],
  options: { readonly force: boolean; readonly output: OutputFormat },
  resolve: Resolve,
): Promise<number> {
  const state = resolve(TOKENS.state);
  const { done, failed } = await forEachVm(
    names,
    (name) => name,
    async (name) => {
      findVm(state, name);
      printMessage(`stopping ${name}`);
      await stopVm(state, resolve(TOKENS.exec), name, options.force);
      return name;
    },
  );
  if (options.output !== "text") printData({ stopped: done, ...failuresJson(failed) }, options.output);
  return printFailures(failed, "is not stopped");
}
