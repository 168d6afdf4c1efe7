import {
  damagedVms,
  findDrift,
  findVm,
  forEachVm,
  formatDrift,
  listVms,
  type LocalPodRecord,
  repairVm,
  type State,
  type VmFailure,
} from "@netbind/local";
import { formatHealth, type Health } from "@netbind/view";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { type OutputFormat, print, printData, printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";
import { fullName } from "./vm-failures.ts";

/** The VMs that were named; all of them where none was. */
const chosen = (names: readonly string[], state: State): readonly LocalPodRecord[] =>
  names.length > 0 ? names.map((name) => findVm(state, name)) : listVms(state);

/** Prints what is wrong with each VM; the exit code says whether anything is. */
function printHealth(vms: readonly Health[], output: OutputFormat): number {
  if (output !== "text") printData(vms, output);
  else if (vms.length === 0) print("no VMs");
  else for (const one of vms) print(formatHealth(one));
  return vms.every(({ problems }) => problems.length === 0) ? EXIT.ok : EXIT.failed;
}

/** Prints the health of VMs with those that nothing could be said of, whose errors decide the exit code. */
function printHealthAndFailures(
  vms: readonly Health[],
  failed: readonly VmFailure[],
  what: string,
  output: OutputFormat,
): number {
  const code = printHealth(
    [...vms, ...failed.map(({ vm, error }) => ({ vm, problems: [`it cannot be ${what}: ${error.message}`] }))],
    output,
  );
  const [first] = failed;
  return first === undefined ? code : exitCodeOf(first.error);
}

/** `netbind check`: the difference between the records and what is there. */
export async function check(names: readonly string[], output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const exec = resolve(TOKENS.exec);
  const damaged: readonly Health[] =
    names.length > 0
      ? []
      : damagedVms(state).map((damage) => ({ vm: "a VM whose record is damaged", problems: [damage] }));
  const { done, failed } = await forEachVm(chosen(names, state), fullName, async (record) => ({
    vm: fullName(record),
    problems: formatDrift(await findDrift(state, exec, record)),
  }));
  return printHealthAndFailures([...damaged, ...done], failed, "checked", output);
}

/** `netbind apply`: repairs just that difference. */
export async function apply(names: readonly string[], output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const context = { state, exec: resolve(TOKENS.exec) };
  const { done, failed } = await forEachVm(chosen(names, state), fullName, async (record) => {
    const { found, left } = await repairVm(context, record.id);
    return { vm: fullName(record), repaired: found.filter((line) => !left.includes(line)), problems: left };
  });
  if (output === "text")
    for (const { vm, repaired } of done)
      for (const line of repaired) printMessage(`${vm}: repaired: ${line.replace("missing or different: ", "")}`);
  return printHealthAndFailures(done, failed, "repaired", output);
}
