import { defined } from "@netbind/contract";
import type { Exec, ProcessId } from "@netbind/netns";
import { processesOf } from "@netbind/pod";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { domainName } from "./base-domain.ts";
import { Launcher } from "./launcher.ts";
import { vmUserOf } from "./vm-user.ts";
import { LauncherProcesses, type LauncherTraits } from "./launcher-processes.ts";

function traitsOf(record: LocalPodRecord): LauncherTraits {
  const [qemu] = processesOf(record, "qemu");
  return defined({
    processes: processesOf(record, "launcher"),
    domain: domainName(record.vmi),
    user: vmUserOf(record),
    place: record.launcher,
    qemu,
  });
}

/** The launcher of a recorded pod. */
export const launcherOf = (exec: Exec, record: LocalPodRecord): Launcher => new Launcher(exec, traitsOf(record));

/** A recorded pod's QEMU; undefined where it does not run. */
export const findQemu = (record: LocalPodRecord): ProcessId | undefined =>
  new LauncherProcesses(traitsOf(record)).qemu();

/** Every passt that runs for a recorded pod. */
export const findPasst = (record: LocalPodRecord): readonly ProcessId[] =>
  new LauncherProcesses(traitsOf(record)).passt();
