/**
 * Starts servers among the mounts and in the user namespace of the caller, and reports how: what a test gives on
 * standard input.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceProcess } from "@netbind/engine";
import { findSandboxWay, type FoundWay, type ProcessId, startService } from "@netbind/netns";

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
}

const { netns, directory, uid, services } = JSON.parse(readFileSync(0, "utf8")) as ServicesRequest;
const running: ProcessId[] = [];
const started = async (processes: readonly ProcessId[]): Promise<void> => void running.push(...processes);
for (const service of services) {
  await startService(service, { netns, uid, logFile: join(directory, service.role.replace(" ", "-")), started });
}
process.stdout.write(JSON.stringify({ ...(await findSandboxWay()), processes: running } satisfies ServicesStarted));
