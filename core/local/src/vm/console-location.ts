import { join } from "node:path";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { consoleFiles, type ConsoleLocation } from "../launcher/console.ts";
import { vmUserOf } from "../launcher/vm-user.ts";
import { netnsPath } from "../node/node-netns.ts";
import type { State } from "../record/state.ts";
import { writableDirectory } from "../pod/writable.ts";

/** What a recorded pod's console is read with. */
export function consoleLocation(state: State, record: LocalPodRecord): ConsoleLocation {
  const directory = state.podDirectory(record.id);
  return {
    ...{ netns: netnsPath(record.netns), directory, launcher: join(writableDirectory(state, record), "launcher") },
    ...{ user: vmUserOf(record), cache: state.cache },
  };
}

/** The socket that a VM's console is served on. */
export const consoleSocket = (state: State, record: LocalPodRecord): string =>
  consoleFiles(state.podDirectory(record.id)).socket;
