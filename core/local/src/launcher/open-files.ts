import type { AttachedNic } from "@netbind/engine";
import { passtSockets, type PortRange } from "@netbind/domain";
import { HeldProcess, inNetns, type ProcessId, type Exec } from "@netbind/netns";
import type { Launcher } from "./launcher.ts";
import { type OpenFilesError, tooManyPorts } from "../errors.ts";

/** What passt has open beside the sockets that it listens on, with room for a good number of connections. */
const BESIDE = 256;

function hardLimit(process: ProcessId): number {
  using held = HeldProcess.of(process);
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(held?.read("limits") ?? "")?.[1] ?? Number.POSITIVE_INFINITY);
}

async function ephemeralPorts(execIn: Exec): Promise<PortRange> {
  const [first = 0, last = 0] = (await execIn(["sysctl", "-n", "net.ipv4.ip_local_port_range"]))
    .trim()
    .split(/\s+/)
    .map(Number);
  return [first, last];
}

/** What is in the way where a limit cannot be raised, with the numbers. */
function tooMany(nic: string, needed: number, limit: number): OpenFilesError {
  const most = Math.max(0, Math.floor((limit - BESIDE) / 2));
  return tooManyPorts(nic, { needed, limit, most });
}

/**
 * Lets libvirt's children have as many files open as passt needs for its NICs: it listens on each forwarded port by a socket
 * of its own. libvirt runs in the pod already, and what it starts has its limits.
 *
 * @throws OpenFilesError where the machine does not let them, before anything of the guest is started
 */
export async function ensureOpenFiles(
  exec: Exec,
  netns: string,
  launcher: Launcher,
  nics: readonly AttachedNic[],
): Promise<void> {
  const ephemeral = await ephemeralPorts(inNetns(netns, exec));
  const needs = nics.map(({ nic, plan }) => ({ nic: nic.spec.name, sockets: passtSockets(plan, ephemeral) }));
  const [most] = needs.toSorted((a, b) => b.sockets - a.sockets);
  const libvirt = launcher.programs.libvirt();
  if (most === undefined || most.sockets === 0 || libvirt === undefined) return;
  const needed = most.sockets + BESIDE;
  const limit = hardLimit(libvirt);
  if (needed <= limit) return;
  try {
    await launcher.limit(libvirt, [`--nofile=${needed}:${needed}`]);
  } catch {
    throw tooMany(most.nic, needed, limit);
  }
}
