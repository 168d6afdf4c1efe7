import { mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { netnsPath, State } from "@netbind/local";
import { processesIn, run } from "@netbind/netns";

/** What a test must leave as it found it. */
export interface MachineState {
  readonly netns: readonly string[];
  readonly links: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
}

/** Programs that are started for VMs. */
const OURS = /^(bwrap|dnsmasq|libvirtd|virtlogd|qemu-system|passt|flock|nsenter)/;

/** The state directories of this test's process: what belongs to another's is not looked at. */
const own: State[] = [];

/** Makes a state directory whose VMs count as this test's own. */
export function makeStateDirectory(use: string): string {
  const state = mkdtempSync(`/run/netbind-${use}-`);
  own.push(new State({ state, cache: "/nowhere" }));
  return state;
}

/** A namespace of a state directory that somebody else on this machine works with, or of a test's own making. */
const isForeign = (netns: string): boolean =>
  /^(netbind-[0-9a-f]{6}-|nbt-|nbtest-)/.test(netns) &&
  !own.some((state) => netns === state.nodeNetns || state.idOfPod(netns) !== undefined);

function readOr(what: () => string): string {
  try {
    return what();
  } catch {
    return "";
  }
}

/** What tells whose a process is: its arguments, where its output goes, what it has mounted; and those of whoever started it. */
function tracesOf(pid: string): string {
  const here = `/proc/${pid}`;
  const parent = /^PPid:\t(\d+)/m.exec(readOr(() => readFileSync(`${here}/status`, "utf8")))?.[1] ?? "0";
  return [
    readOr(() => readFileSync(`${here}/cmdline`, "utf8")),
    ...["1", "2"].map((fd) => readOr(() => readlinkSync(`${here}/fd/${fd}`))),
    // Namespaces are mounted for everybody: whose a process is, they do not tell.
    readOr(() => readFileSync(`${here}/mountinfo`, "utf8"))
      .split("\n")
      .filter((line) => !line.includes("/run/netns/"))
      .join("\n"),
    ...(Number(parent) > 1 ? [tracesOf(parent)] : []),
  ].join("\n");
}

/** True for a process of another's state directory or of a nested machine, and for a lock that is in no directory of ours. */
const isForeignProcess = (name: string, traces: string): boolean =>
  (name === "flock" || /\/run\/(netbind-|nbkube-)|\/netbind-nested-|\/run\/netns\/(nbtest-|nbt-|netbind-[0-9a-f]{6}-)/.test(traces)) &&
  !own.some(({ root, nodeNetns }) => traces.includes(root) || traces.includes(netnsPath(nodeNetns.replace(/node$/, ""))));

/** A process that was started for a VM of ours, by its name; none where it is another's or over. */
function ownProcess(pid: string): readonly string[] {
  const nameNow = (): string => readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  try {
    const name = nameNow();
    // A process of ours under another name has a path of the state directory among its arguments.
    const named = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("/run/netbind");
    const ours = (OURS.test(name) || named) && !isForeignProcess(name, tracesOf(pid));
    const zombie = /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    // One that became another program meanwhile was seen by halves.
    if (nameNow() !== name) return ownProcess(pid);
    return ours && !zombie ? [`${name} ${pid}`] : [];
  } catch {
    return [];
  }
}

/** Looks at what runs, is mounted and is linked on the machine. */
export async function machineState(): Promise<MachineState> {
  const names = (await run(["ip", "netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  const foreign = new Set(names.filter(isForeign).flatMap((name) => processesIn(netnsPath(name)).map(({ pid }) => String(pid))));
  const links = JSON.parse(await run(["ip", "-json", "link", "show"])) as readonly { readonly ifname: string }[];
  const processes = readdirSync("/proc").flatMap((pid) => (/^\d+$/.test(pid) && !foreign.has(pid) ? ownProcess(pid) : []));
  return {
    netns: names.filter((name) => name !== "" && !isForeign(name)).sort(),
    links: links.map(({ ifname }) => ifname).sort(),
    mounts: readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => !line.includes("/run/netns") && !line.includes("/images/building-"))
      .sort(),
    processes: processes.sort(),
  };
}
