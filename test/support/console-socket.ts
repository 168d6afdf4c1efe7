import { join } from "node:path";
import type { State, VmRecord } from "@netbind/local";
import { consoleFiles } from "../../core/local/src/launcher/console.ts";

/** The socket that a VM's console is served on: a test trusts the VM that it started. */
export const consoleSocket = (state: State, record: VmRecord): string => consoleFiles(join(state.vm(record.id), "launcher")).socket;
