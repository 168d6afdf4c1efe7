import { existsSync, readFileSync, statSync } from "node:fs";
import { defined } from "@netbind/contract";
import type { ServiceProcess } from "@netbind/engine";
import { endProcesses, waitUntil } from "../exec/end-processes.ts";
import { HeldProcess, isAlive } from "../exec/held-process.ts";
import type { ProcessId } from "../exec/process-directory.ts";
import { explainEnd } from "../exec/explain-end.ts";
import { SERVICE_LIMITS } from "../sandbox/limits.ts";
import { LIBRARY_BINDS, type Sandbox } from "../sandbox/sandbox.ts";
import { startSandboxed } from "../sandbox/start-sandboxed.ts";
import { serverNotStarted } from "../errors.ts";

/** Where a service runs, as whom, and where what it says before it serves is kept. */
export interface ServiceHost {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  /** Path of the mount namespace that its sandbox is made in; absent: the caller's. */
  readonly mounts?: string;
  /** A user of the VM's own. */
  readonly uid: number;
  readonly logFile: string;
  /** The control group that it is born in; absent: the caller's. */
  readonly cgroup?: string;
  /** Called with each process before anything waits for it, so that it can be recorded. */
  readonly started: (processes: readonly ProcessId[]) => Promise<void>;
}

/** A server that ends is reported at once: only one that lives and does not serve is waited for so long. */
const START_DEADLINE = 20_000;
const CONFIGURATION = "/dnsmasq.conf";
/** The protocol number of ICMPv6, as /proc/net/raw6 writes the "port" of a raw socket. */
const ICMP6 = 58;

/** The sandbox of a server. For IPv4 it asks for a capability that it does not use: it is configured to broadcast its answers. */
function dnsmasqSandbox({ privileged }: ServiceProcess, uid: number): Sandbox {
  return {
    uid,
    gid: uid,
    limits: SERVICE_LIMITS,
    binds: [...LIBRARY_BINDS, { source: "/usr/sbin/dnsmasq", target: "/usr/sbin/dnsmasq" }],
    stdinFile: CONFIGURATION,
    ...(privileged ? { podCapabilities: ["net_admin", "net_raw"] } : { idleCapabilities: ["net_admin"] }),
    argv: ["/usr/sbin/dnsmasq", `--conf-file=${CONFIGURATION}`],
  };
}

/** Inodes of the sockets that a process holds. */
const socketsOf = (held: HeldProcess): readonly string[] =>
  held.descriptors().flatMap((fd) => /^socket:\[(\d+)\]$/.exec(held.link(`fd/${fd}`) ?? "")?.[1] ?? []);

/** The first process of a sandbox and its children: the server is one of them. */
function childrenOf(first: HeldProcess, stack: DisposableStack): readonly HeldProcess[] {
  const children = first.children.flatMap((number) => stack.use(HeldProcess.open(number)) ?? []);
  return [first, ...children.filter(({ parent }) => parent === first.id.pid)];
}

/**
 * True where a sandbox's server has its socket. Another server of the same pod may have the same port on another link, so
 * the socket must be this one's own.
 */
export function isListening({ socket }: Pick<ServiceProcess, "socket">, process: ProcessId): boolean {
  using stack = new DisposableStack();
  const first = stack.use(HeldProcess.of(process));
  if (first === undefined) return false;
  const [table, port] = socket === "icmp6" ? ["raw6", ICMP6] : [socket.family === 4 ? "udp" : "udp6", socket.udpPort];
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = (first.read(`net/${table}`) ?? "").split("\n").flatMap((line) => {
    const [, local, , , , , , , , inode] = line.trim().split(/\s+/);
    return local?.endsWith(wanted) === true && inode !== undefined ? [inode] : [];
  });
  // Its descriptors are looked at only once some server of the pod has such a socket.
  if (inodes.length === 0) return false;
  const own = new Set(childrenOf(first, stack).flatMap(socketsOf));
  return inodes.some((inode) => own.has(inode));
}

/** What stands in a log from a byte on. */
const said = (file: string, from: number): string =>
  (existsSync(file) ? readFileSync(file).subarray(from).toString("utf8").trim() : "") || "it printed nothing";

/**
 * Starts one server, in a sandbox of its own, and waits until it serves.
 *
 * @throws Error with what it said where it ends or does not serve in time; it is not left running
 */
export async function startService(service: ServiceProcess, host: ServiceHost): Promise<void> {
  const from = existsSync(host.logFile) ? statSync(host.logFile).size : 0;
  const { processes, inner } = await startSandboxed(
    dnsmasqSandbox(service, host.uid),
    defined({
      netns: host.netns,
      logFile: host.logFile,
      stdin: service.configuration,
      cgroup: host.cgroup,
      mounts: host.mounts,
    }),
  );
  await host.started(processes);
  const ended = (): boolean => processes.length === 0 || !processes.every(isAlive);
  const up = (): boolean => inner !== undefined && isListening(service, inner);
  await waitUntil(() => ended() || up(), START_DEADLINE);
  if (!ended() && up()) return;
  const why = ended() ? "it ended" : "it opened no socket";
  await endProcesses(processes);
  const words = said(host.logFile, from);
  throw serverNotStarted(service.role, why, `${words}${explainEnd(words, SERVICE_LIMITS, host.cgroup)}`);
}
