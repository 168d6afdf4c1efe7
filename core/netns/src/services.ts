import { readFileSync } from "node:fs";
import type { ServicePlan } from "@netbind/contract";
import { dnsmasqConfig } from "@netbind/engine";
import { endProcesses, isAlive, type ProcessId, waitUntil } from "./processes.ts";
import { LIBRARY_BINDS, type Sandbox } from "./sandbox.ts";
import { startSandboxed } from "./start-sandboxed.ts";

/** A service that runs: the process that started it and the one that ends it all, the first of its PID namespace. */
export interface RunningService {
  readonly kind: ServicePlan["kind"];
  readonly processes: readonly ProcessId[];
}

/** Where a service runs, as whom, and where what it says before it serves is kept. */
export interface ServiceHost {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  /** A user of the VM's own. */
  readonly uid: number;
  readonly logFile: string;
  /** Called with each process before anything waits for it, so that it can be recorded. */
  readonly started: (service: RunningService) => Promise<void>;
}

const START_DEADLINE = 5000;
const DHCP_SERVER_PORT = 67;

/** Which file a service's configuration is shown as, and the sandbox that it runs in. */
function dnsmasqSandbox(uid: number): Sandbox {
  const configuration = "/dnsmasq.conf";
  return {
    uid,
    gid: uid,
    binds: [...LIBRARY_BINDS, { source: "/usr/sbin/dnsmasq", target: "/usr/sbin/dnsmasq" }],
    stdinFile: configuration,
    // It will not serve without them in its own eyes; over the pod's namespace they are void.
    innerCapabilities: ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"],
    argv: ["/usr/sbin/dnsmasq", `--conf-file=${configuration}`],
  };
}

/** True where a process of this PID's network namespace has the UDP port open. */
function listensOnUdp(pid: number, port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  try {
    return readFileSync(`/proc/${pid}/net/udp`, "utf8").includes(wanted);
  } catch {
    return false;
  }
}

/**
 * Starts what a plan lists, in the order of the plan, each in a sandbox of its own.
 *
 * @throws Error with what the service said where it ends or does not serve in time; it is not left running
 */
export async function startService(service: ServicePlan, host: ServiceHost): Promise<RunningService> {
  const { processes, inner } = await startSandboxed(dnsmasqSandbox(host.uid), {
    netns: host.netns,
    logFile: host.logFile,
    stdin: dnsmasqConfig(service),
  });
  const running: RunningService = { kind: service.kind, processes };
  await host.started(running);
  const [outer] = processes;
  const ended = (): boolean => outer === undefined || !isAlive(outer);
  await waitUntil(() => ended() || (inner !== undefined && listensOnUdp(inner, DHCP_SERVER_PORT)), START_DEADLINE);
  if (ended() || inner === undefined || !listensOnUdp(inner, DHCP_SERVER_PORT)) {
    await endProcesses(processes);
    throw new Error(`the DHCP server of ${service.link} did not start: ${readFileSync(host.logFile, "utf8").trim() || "it said nothing"}`);
  }
  return running;
}
