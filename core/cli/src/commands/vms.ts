import { connect } from "node:net";
import {
  collectGarbage,
  damagedVms,
  findDrift,
  findVm,
  forEachVm,
  consoleSocket,
  listVms,
  repairVm,
  formatDrift,
  type State,
  stopVm,
  type VmFailure,
  type LocalPodRecord,
  vmStatus,
} from "@netbind/local";
import { formatHealth, formatVm, type Health, vmTable } from "@netbind/view";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { type OutputFormat, print, printJson, printMessage } from "../output.ts";
import { type Resolve, TOKENS } from "../tokens.ts";

/** `netbind status`: all VMs, or one with its NICs and processes. */
export async function status(name: string | undefined, output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const exec = resolve(TOKENS.exec);
  if (name !== undefined) {
    const one = await vmStatus(exec, findVm(state, name), { askGuest: true });
    if (output === "json") printJson(one);
    else print(formatVm(one));
    return EXIT.ok;
  }
  for (const damage of damagedVms(state)) printMessage(`warning: ${damage}`);
  const looks = await Promise.all(listVms(state).map((record) => forEachVm([record], fullName, () => vmStatus(exec, record))));
  const [all, failed] = [looks.flatMap(({ done }) => done), looks.flatMap((look) => look.failed)];
  if (output === "json") printJson(all);
  else if (all.length > 0) print(vmTable(all));
  else if (failed.length === 0) print("no VMs");
  return printFailures(failed, "cannot be inspected");
}

/** `netbind stop`: ends VMs from their records alone. */
export async function stop(
  names: readonly string[],
  options: { readonly force: boolean; readonly output: OutputFormat },
  resolve: Resolve,
): Promise<number> {
  const state = resolve(TOKENS.state);
  for (const name of names) findVm(state, name);
  const { done, failed } = await forEachVm(
    names,
    (name) => name,
    async (name) => {
      printMessage(`stopping ${name}`);
      await stopVm(state, resolve(TOKENS.exec), name, options.force);
      return name;
    },
  );
  if (options.output === "json") printJson({ stopped: done, ...shownFailures(failed) });
  return printFailures(failed, "is not stopped");
}

/** VMs that something could not be done for, in the JSON of what was done. */
const shownFailures = (failed: readonly VmFailure[]): object =>
  failed.length === 0 ? {} : { failed: failed.map(({ vm, error }) => ({ vm, message: error.message })) };

/** Tells for which VMs something could not be done. Gives the exit code: of the first, where there are some. */
function printFailures(failed: readonly VmFailure[], what: string): number {
  for (const { vm, error } of failed) printMessage(`VM ${vm} ${what}: ${error.message}`);
  const [first] = failed;
  return first === undefined ? EXIT.ok : exitCodeOf(first.error);
}

const fullName = ({ namespace, name }: LocalPodRecord): string => `${namespace}/${name}`;

/** The VMs that were named; all of them where none was. */
const chosen = (names: readonly string[], state: State): readonly LocalPodRecord[] =>
  names.length > 0 ? names.map((name) => findVm(state, name)) : listVms(state);

/** Prints what is wrong with each VM; the exit code says whether anything is. */
function printHealth(vms: readonly Health[], output: OutputFormat): number {
  if (output === "json") printJson(vms);
  else if (vms.length === 0) print("no VMs");
  else for (const one of vms) print(formatHealth(one));
  return vms.every(({ problems }) => problems.length === 0) ? EXIT.ok : EXIT.failed;
}

/** Prints the health of VMs with those that nothing could be said of, whose errors tell the exit code. */
function printHealthAndFailures(vms: readonly Health[], failed: readonly VmFailure[], what: string, output: OutputFormat): number {
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
    names.length > 0 ? [] : damagedVms(state).map((damage) => ({ vm: "a VM whose record is damaged", problems: [damage] }));
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
  if (output !== "json") for (const { vm, repaired } of done) for (const line of repaired) printMessage(`${vm}: repaired: ${line}`);
  return printHealthAndFailures(done, failed, "repaired", output);
}

/** `netbind gc`: removes what no living VM owns. */
export async function gc(output: OutputFormat, resolve: Resolve): Promise<number> {
  const { removed, failed } = await collectGarbage(resolve(TOKENS.state), resolve(TOKENS.exec));
  if (output === "json") printJson({ removed, ...shownFailures(failed) });
  else if (removed.length > 0) print(`removed: ${removed.join(", ")}`);
  else if (failed.length === 0) print("nothing to remove");
  return printFailures(failed, "is not removed");
}

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;

/** `netbind console`: the guest's serial console, until Ctrl-] or the end of standard input. */
export function console(name: string, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const record = findVm(state, name);
  const socket = connect(consoleSocket(state, record));
  const { stdin, stdout } = process;
  if (stdin.isTTY) printMessage(`console of ${record.namespace}/${record.name}; leave it with Ctrl-]`);
  return new Promise((resolveExit, reject) => {
    const leave = (code: number): void => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      socket.destroy();
      resolveExit(code);
    };
    socket.once("error", (error) => reject(new Error(`the console of ${name} is not served: ${error.message}`, { cause: error })));
    socket.once("connect", () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      socket.write("\n");
    });
    // What the guest says waits with it where the terminal does not take it, and what is typed where the guest does not.
    socket.pipe(stdout, { end: false });
    socket.on("close", () => leave(EXIT.ok));
    socket.on("drain", () => stdin.resume());
    stdin.on("data", (chunk: Buffer) => {
      if (stdin.isTTY && chunk.includes(ESCAPE)) leave(EXIT.ok);
      else if (!socket.write(chunk) && !stdin.isTTY) stdin.pause();
    });
    // What was typed before the end may still have an answer.
    stdin.on("end", () => setTimeout(() => leave(EXIT.ok), 500));
    process.once("SIGINT", () => leave(EXIT.interrupted));
  });
}
