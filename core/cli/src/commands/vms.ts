import { connect } from "node:net";
import {
  collectGarbage,
  consoleSocket,
  damagedVms,
  findDrift,
  findVm,
  listVms,
  repairVm,
  showDrift,
  type State,
  stopVm,
  type VmRecord,
  type VmStatus,
  vmStatus,
} from "@netbind/local";
import { EXIT } from "../exit-codes.ts";
import { type OutputFormat, print, printJson, table, tell } from "../output.ts";
import { interfaceTable, nicTable } from "../report.ts";
import { type Resolve, TOKENS } from "../services.ts";

/** `netbind status`: all VMs, or one with its NICs and processes. */
export async function status(name: string | undefined, output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const run = resolve(TOKENS.run);
  if (name !== undefined) {
    const one = await vmStatus(run, findVm(state, name), { askGuest: true });
    if (output === "json") printJson(one);
    else print(showVm(one));
    return EXIT.ok;
  }
  for (const damage of damagedVms(state)) tell(`warning: ${damage}`);
  const all = await Promise.all(listVms(state).map((record) => vmStatus(run, record)));
  if (output === "json") printJson(all);
  else if (all.length === 0) print("no VMs");
  else print(table([["NAMESPACE", "NAME", "PHASE", "ADDRESSES", "SINCE"], ...all.map(showRow)]));
  return EXIT.ok;
}

const showRow = ({ namespace, name, phase, nics, createdAt }: VmStatus): readonly string[] => [
  namespace,
  name,
  phase,
  nics.flatMap(({ podAddresses }) => podAddresses).join(",") || "-",
  createdAt,
];

function showVm(vm: VmStatus): string {
  const processes = vm.processes.map(({ role, pids, alive }) => [role, pids.join(",") || "-", alive ? "runs" : "gone"]);
  return [
    `VM ${vm.namespace}/${vm.name}: ${vm.phase} since ${vm.createdAt}, from ${vm.source}`,
    `pod: network namespace ${vm.netns} (ip netns exec ${vm.netns} ...)`,
    "",
    nicTable(vm.nics),
    ...(vm.interfaces === undefined ? [] : ["", interfaceTable(vm.interfaces)]),
    "",
    table([["PROCESS", "PIDS", ""], ...processes]),
  ].join("\n");
}

/** `netbind stop`: ends VMs from their records alone. */
export async function stop(
  names: readonly string[],
  options: { readonly force: boolean; readonly output: OutputFormat },
  resolve: Resolve,
): Promise<number> {
  const state = resolve(TOKENS.state);
  for (const name of names) findVm(state, name);
  for (const name of names) {
    tell(`stopping ${name}`);
    await stopVm(state, resolve(TOKENS.run), name, options.force);
  }
  if (options.output === "json") printJson({ stopped: names });
  return EXIT.ok;
}

/** The VMs that were named; all of them where none was. */
const chosen = (names: readonly string[], state: State): readonly VmRecord[] =>
  names.length > 0 ? names.map((name) => findVm(state, name)) : listVms(state);

/** Prints what is wrong with each VM; the exit code says whether anything is. */
function tellHealth(vms: readonly { readonly vm: string; readonly problems: readonly string[] }[], output: OutputFormat): number {
  if (output === "json") printJson(vms);
  else if (vms.length === 0) print("no VMs");
  else
    for (const { vm, problems } of vms)
      print(problems.length === 0 ? `${vm}: healthy` : [`${vm}:`, ...problems.map((problem) => `  ${problem}`)].join("\n"));
  return vms.every(({ problems }) => problems.length === 0) ? EXIT.ok : EXIT.failed;
}

/** `netbind check`: the difference between the records and what is there. */
export async function check(names: readonly string[], output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const run = resolve(TOKENS.run);
  const vms: { readonly vm: string; readonly problems: readonly string[] }[] =
    names.length > 0 ? [] : damagedVms(state).map((damage) => ({ vm: "a VM whose record is damaged", problems: [damage] }));
  for (const record of chosen(names, state))
    vms.push({ vm: `${record.namespace}/${record.name}`, problems: showDrift(await findDrift(state, run, record)) });
  return tellHealth(vms, output);
}

/** `netbind apply`: repairs just that difference. */
export async function apply(names: readonly string[], output: OutputFormat, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const context = { state, run: resolve(TOKENS.run) };
  const vms = [];
  for (const record of chosen(names, state)) {
    const { found, left } = await repairVm(context, record.id);
    vms.push({ vm: `${record.namespace}/${record.name}`, repaired: found.filter((line) => !left.includes(line)), problems: left });
  }
  if (output !== "json") for (const { vm, repaired } of vms) for (const line of repaired) tell(`${vm}: repaired: ${line}`);
  return tellHealth(vms, output);
}

/** `netbind gc`: removes what no living VM owns. */
export async function gc(output: OutputFormat, resolve: Resolve): Promise<number> {
  const removed = await collectGarbage(resolve(TOKENS.state), resolve(TOKENS.run));
  if (output === "json") printJson({ removed });
  else print(removed.length === 0 ? "nothing to remove" : `removed: ${removed.join(", ")}`);
  return EXIT.ok;
}

/** Ctrl-], as telnet and virsh have it. */
const ESCAPE = 0x1d;

/** `netbind console`: the guest's serial console, until Ctrl-] or the end of standard input. */
export function console(name: string, resolve: Resolve): Promise<number> {
  const state = resolve(TOKENS.state);
  const record = findVm(state, name);
  const socket = connect(consoleSocket(state, record));
  const { stdin, stdout } = process;
  if (stdin.isTTY) tell(`console of ${record.namespace}/${record.name}; leave it with Ctrl-]`);
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
    socket.on("data", (chunk) => stdout.write(chunk));
    socket.on("close", () => leave(EXIT.ok));
    stdin.on("data", (chunk: Buffer) => {
      if (stdin.isTTY && chunk.includes(ESCAPE)) leave(EXIT.ok);
      else socket.write(chunk);
    });
    // What was typed before the end may still have an answer.
    stdin.on("end", () => setTimeout(() => leave(EXIT.ok), 500));
    process.once("SIGINT", () => leave(EXIT.interrupted));
  });
}
