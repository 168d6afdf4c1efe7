import { damagedVms, findVm, forEachVm, listVms, vmStatus } from "@netbind/local";
import { formatVm, vmTable } from "@netbind/view";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printData, printMessage, screen } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { fullName, printFailures } from "./vm-failures.ts";

/** `netbind status`: all VMs, or one with its NICs and processes. */
export async function status(name: string | undefined, output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const exec = resolve(TOKENS.exec);
  if (name !== undefined) {
    const one = await vmStatus(exec, findVm(state, name), { askGuest: true });
    if (output !== "text") printData(one, output);
    else print(formatVm(one, screen()));
    return EXIT.ok;
  }
  for (const damage of damagedVms(state)) printMessage(`warning: ${damage}`);
  const looks = await Promise.all(
    listVms(state).map((record) => forEachVm([record], fullName, () => vmStatus(exec, record))),
  );
  const [all, failed] = [looks.flatMap(({ done }) => done), looks.flatMap((look) => look.failed)];
  if (output !== "text") printData(all, output);
  else if (all.length > 0) print(vmTable(all, screen()));
  else if (failed.length === 0) print("no VMs");
  return printFailures(failed, "cannot be inspected");
}
