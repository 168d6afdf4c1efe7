import { processesOf, type Run } from "@netbind/netns";
import type { VmRecord } from "../journal.ts";
import { netnsPath } from "../node-netns.ts";
import { Launcher } from "./libvirt.ts";
import { vmUserOf } from "./vm-user.ts";

/** The launcher of a recorded pod. */
export const launcherOf = (run: Run, record: VmRecord): Launcher =>
  new Launcher(run, { netns: netnsPath(record.netns), user: vmUserOf(record), processes: processesOf(record, "launcher") });
