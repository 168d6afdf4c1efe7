/**
 * Starts servers among the mounts and in the user namespace of the caller, and reports how: what a test gives on
 * standard input.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defined } from "@netbind/contract";
import type { ServiceProcess } from "@netbind/engine";
import {
  bareMountsIn,
  exec,
  findSandboxWay,
  type FoundWay,
  makeBareMounts,
  type ProcessId,
  startService,
} from "@netbind/netns";

/** What to start, and where. */
export interface ServicesRequest {
  readonly netns: string;
  readonly directory: string;
  readonly uid: number;
  readonly services: readonly ServiceProcess[];
}

/** What was started. */
export interface ServicesStarted extends FoundWay {
  readonly processes: readonly ProcessId[];
  /** True where they were started from a mount namespace without the caller's mounts, as on a machine's node. */
  readonly bareMounts: boolean;
}

const { netns, directory, uid, services } = JSON.parse(readFileSync(0, "utf8")) as ServicesRequest;
const running: ProcessId[] = [];
const started = async (processes: readonly ProcessId[]): Promise<void> => void running.push(...processes);
await makeBareMounts(exec, join(directory, "mounts"));
const mounts = bareMountsIn(join(directory, "mounts"));
for (const service of services) {
  const logFile = join(directory, service.role.replace(" ", "-"));
  await startService(service, { netns, uid, logFile, started, ...defined({ mounts }) });
}
const report = { ...(await findSandboxWay()), processes: running, bareMounts: mounts !== undefined };
process.stdout.write(JSON.stringify(report satisfies ServicesStarted));
