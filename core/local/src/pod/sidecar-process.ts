import { dirname } from "node:path";
import { defined } from "@netbind/contract";
import {
  explainEnd,
  FILE_LIMIT,
  isAlive,
  LIBRARY_BINDS,
  type Limits,
  makeDirectory,
  makeUserDirectory,
  type ProcessId,
  type Sandbox,
  scaled,
  startSandboxed,
  waitUntil,
} from "@netbind/netns";
import { canHold } from "@netbind/remote/sidecar";
import type { VmUser } from "../launcher/vm-user.ts";
import { readEnd } from "../record/read-end.ts";
import type { SidecarSpec } from "./sidecar-files.ts";
import { holdAttachSocket, sidecarDirectory, sidecarLocation, sidecarLog } from "./sidecar-paths.ts";
import { sidecarNotStarted } from "../errors.ts";

const START_DEADLINE = 20_000;
const MIB = 1024 ** 2;
/**
 * A sidecar's runtime reserves ten times the memory that it takes, and has a dozen threads. Those of QEMU and libvirt are the same
 * user's and counted too: a sidecar that takes all that it may leaves the launcher as much again.
 */
export const SIDECAR_LIMITS: Limits = {
  processes: scaled(2048),
  files: scaled(1024),
  data: scaled(1024 * MIB),
  fileSize: FILE_LIMIT,
  tmp: scaled(16 * MIB),
};
const HOOKS_PATH = "/var/run/kubevirt-hooks";

/** What a sidecar sees: the runtime, its bundle, its hooks directory. Nothing of the machine or of other VMs. */
const sidecarSandbox = (
  binding: string,
  { container, node, bundle, start }: SidecarSpec,
  hooks: string,
  user: VmUser,
): Sandbox => ({
  ...user,
  limits: SIDECAR_LIMITS,
  binds: [
    ...LIBRARY_BINDS,
    { source: node, target: "/netbind/node" },
    { source: bundle, target: "/netbind/sidecar.mjs" },
    { source: hooks, target: HOOKS_PATH, writable: true },
  ],
  env: { ...start?.environment, CONTAINER_NAME: container, NETWORK_BINDING_PLUGIN_NAME: binding },
  argv: ["/netbind/node", ...(start?.options ?? []), "/netbind/sidecar.mjs", "both"],
});

/** Where a sidecar is started. */
export interface SidecarHome {
  /** Path of the pod's network namespace. */
  readonly netns: string;
  /** The pod's directory: what the sidecar prints is kept there. */
  readonly podDirectory: string;
  /** Where the VM's user has its directories. */
  readonly writable: string;
  readonly user: VmUser;
  readonly cgroup?: string;
}

/** Starts a sidecar as an unprivileged process in the pod, and waits for its attach socket. */
export async function startSidecar(
  binding: string,
  spec: SidecarSpec,
  place: SidecarHome,
  started: (processes: readonly ProcessId[]) => void,
): Promise<void> {
  const hooks = sidecarDirectory(place.writable, spec.container);
  makeDirectory(dirname(hooks));
  makeUserDirectory(hooks, place.user);
  const logFile = sidecarLog(place.podDirectory, spec.container);
  const { processes, inner } = await startSandboxed(
    sidecarSandbox(binding, spec, hooks, place.user),
    defined({
      ...{ netns: place.netns, logFile },
      cgroup: place.cgroup,
    }),
  );
  started(processes);
  const socket = sidecarLocation(place.writable, spec.container, place.user);
  const isListening = (): boolean => canHold(() => holdAttachSocket(socket));
  const ended = (): boolean => processes.length === 0 || !processes.every(isAlive);
  const ready = inner !== undefined && (await waitUntil(() => isListening() || ended(), START_DEADLINE)) && !ended();
  if (ready) return;
  const limits = explainEnd(readEnd(logFile), SIDECAR_LIMITS, place.cgroup);
  throw sidecarNotStarted(binding, limits);
}
