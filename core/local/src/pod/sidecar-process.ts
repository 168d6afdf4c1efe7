import { dirname, join } from "node:path";
import { defined } from "@netbind/contract";
import {
  type Container,
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
  startContainer,
  type StartedSandbox,
  startSandboxed,
  waitUntil,
} from "@netbind/netns";
import { canHold } from "@netbind/remote/sidecar";
import type { VmUser } from "../launcher/vm-user.ts";
import { CONTAINER_MOUNTS, sidecarRoot } from "../images/sidecar-image-cache.ts";
import { readEnd } from "../record/read-end.ts";
import { answersAsBinding, type BundleSpec, type ImageSpec, type SidecarSpec } from "./sidecar-files.ts";
import { holdAttachSocket, sidecarDirectory, sidecarLocation, sidecarLog } from "./sidecar-paths.ts";
import { sidecarNotStarted } from "../errors.ts";
import { imageNotStarted } from "../images/errors.ts";

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
const HOOKS_PATH = CONTAINER_MOUNTS.hooks;
/** The user that KubeVirt runs sidecars as: an image's files know it by this number. */
const POD_USER = 107;

/** What every sidecar is told, as KubeVirt tells it. */
const environmentOf = (binding: string, container: string): Readonly<Record<string, string>> => ({
  CONTAINER_NAME: container,
  NETWORK_BINDING_PLUGIN_NAME: binding,
});

/** What a sidecar sees: the runtime, its bundle, its hooks directory. Nothing of the machine or of other VMs. */
const sidecarSandbox = (
  binding: string,
  { container, node, bundle, start }: BundleSpec,
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
  env: { ...start?.environment, ...environmentOf(binding, container) },
  argv: ["/netbind/node", ...(start?.options ?? []), "/netbind/sidecar.mjs", "both"],
});

/** The container of a sidecar's image: its root, and of the machine its hooks directory alone. */
const sidecarContainer = (
  binding: string,
  { container, base, command }: ImageSpec,
  hooks: string,
  { user, cache }: SidecarHome,
): Container => ({
  ...{ ...user, inside: POD_USER, limits: SIDECAR_LIMITS, rootfs: sidecarRoot(cache, base) },
  ...command,
  env: [...command.env, ...Object.entries(environmentOf(binding, container)).map((pair) => pair.join("="))],
  binds: [{ source: hooks, target: HOOKS_PATH, writable: true }],
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
  /** Netbind's cache. */
  readonly cache: string;
  readonly cgroup?: string;
}

/** Starts a sidecar's process, by what it is: the one place that distinguishes them. */
function startProcess(binding: string, spec: SidecarSpec, hooks: string, home: SidecarHome): Promise<StartedSandbox> {
  const { podDirectory, netns } = home;
  const common = { logFile: sidecarLog(podDirectory, spec.container), ...defined({ cgroup: home.cgroup }) };
  if (answersAsBinding(spec))
    return startSandboxed(sidecarSandbox(binding, spec, hooks, home.user), { netns, ...common });
  const directory = join(podDirectory, `${spec.container}-container`);
  return startContainer(sidecarContainer(binding, spec, hooks, home), { directory, ...common });
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
  const { processes, inner } = await startProcess(binding, spec, hooks, place);
  started(processes);
  const socket = sidecarLocation(place.writable, spec.container, place.user);
  const isListening = (): boolean => canHold(() => holdAttachSocket(socket));
  const ended = (): boolean => processes.length === 0 || !processes.every(isAlive);
  const ready = inner !== undefined && (await waitUntil(() => isListening() || ended(), START_DEADLINE)) && !ended();
  if (ready) return;
  const said = readEnd(sidecarLog(place.podDirectory, spec.container));
  const limits = explainEnd(said, SIDECAR_LIMITS, place.cgroup);
  throw answersAsBinding(spec)
    ? sidecarNotStarted(binding, limits)
    : imageNotStarted(binding, spec.image, { ended: ended(), limits });
}
