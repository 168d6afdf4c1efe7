import { type Violation, violation } from "@netbind/contract";
import type { Vmi } from "@netbind/kubevirt";
import { readText } from "@netbind/netns";
import { memoryBytes } from "./base-domain.ts";

const KIBIBYTE = 1024;
const GIBIBYTE = 1024 ** 3;

/**
 * Bytes of memory and swap that a machine has, by the text of its /proc/meminfo. Infinity where that does not say it: what
 * hides or replaces parts of /proc must not keep VMs from starting.
 */
export function machineMemory(meminfo: string): number {
  if (!/^MemTotal: *[1-9]/m.test(meminfo)) return Number.POSITIVE_INFINITY;
  const kibibytes = ["MemTotal", "SwapTotal"].map((name) => {
    const line = meminfo.split("\n").find((one) => one.startsWith(`${name}:`)) ?? "";
    return Number.parseInt(line.slice(name.length + 1), 10) || 0;
  });
  return kibibytes.reduce((sum, one) => sum + one * KIBIBYTE, 0);
}

const inGib = (bytes: number): string => `${Math.round((bytes / GIBIBYTE) * 10) / 10} GiB`;

/** The field that a guest's memory is written in. */
function memoryField({ spec: { domain } }: Vmi): string {
  if (domain.memory?.guest !== undefined) return "spec.domain.memory.guest";
  const list = domain.resources?.requests?.["memory"] === undefined ? "limits" : "requests";
  return `spec.domain.resources.${list}.memory`;
}

/** What is wrong with a guest that has more memory than a machine: the kernel gives its hypervisor none. */
export function checkMemory(
  vmi: Vmi,
  available: number = machineMemory(readText("/proc/meminfo")),
): readonly Violation[] {
  const asked = memoryBytes(vmi);
  if (asked <= available) return [];
  const problem = `the VM asks for ${inGib(asked)} of memory, and this machine has ${inGib(available)} with its swap space`;
  return [violation(memoryField(vmi), problem, "ask for less, or run it on a larger machine")];
}
