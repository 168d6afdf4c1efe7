import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { BINDING_FAULT, BindingError, defined } from "@netbind/contract";
import {
  derivedName,
  type Exec,
  exists,
  explainEnd,
  FILE_LIMIT,
  installFile,
  isAlive,
  LIBRARY_BINDS,
  type Limits,
  makeDirectory,
  makeUserDirectory,
  type ProcessId,
  rename,
  type Sandbox,
  scaled,
  startSandboxed,
  waitUntil,
  writeText,
} from "@netbind/netns";
import { canHold, HeldDirectory, type HeldSocket, type SidecarLocation } from "@netbind/remote/sidecar";
import type { HookLocation } from "@netbind/pod";
import type { LocalPodRecord } from "../record/local-pod-record.ts";
import { dropPrivileges, type VmUser, vmUserOf } from "../launcher/vm-user.ts";
import { readEnd } from "../record/read-end.ts";
import type { State } from "../record/state.ts";
import { writableDirectory } from "./writable.ts";

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

/** How a sidecar's runtime is started. */
export interface RuntimeStart {
  /** Arguments before the bundle. */
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The files that a sidecar is run from on one machine: the runtime, and a bundle for each binding. */
export interface SidecarRuntime {
  /** Path of the Node executable. */
  readonly node: string;
  /** How it is started: what keeps it within the memory that KubeVirt gives a sidecar. */
  readonly start: RuntimeStart;
  /** Path of a binding's bundle; undefined where this release has none. */
  readonly bundle: (binding: string) => string | undefined;
}

/** One sidecar of a VM: all that it takes to start it, now and again. */
export interface SidecarSpec {
  /** `hook-sidecar-0`. */
  readonly container: string;
  /** Path of the runtime that VMs' users may run. */
  readonly node: string;
  /** Path of the bundle that VMs' users may read. */
  readonly bundle: string;
  /** Absent in what an older netbind started: without any options. */
  readonly start?: RuntimeStart;
}

/** The name of a pod's sidecar, by its place among them. */
export const containerName = (at: number): string => `hook-sidecar-${at}`;
/** The sidecar's directory on the machine: its hooks directory, as it sees it. */
export const sidecarDirectory = (writable: string, container: string): string => join(writable, "hooks", container);
/** The file that a sidecar's output goes to. */
export const sidecarLog = (podDirectory: string, container: string): string => join(podDirectory, `${container}.log`);
/** The way to a sidecar's directory, in which only the directory itself is the VM user's. */
export const sidecarLocation = (writable: string, container: string, { uid }: VmUser): SidecarLocation => ({
  base: join(writable, "hooks"),
  components: [container],
  uid,
});
/** Where the sidecars of a recorded pod show their hook sockets. */
export const hookLocation = (state: State, record: LocalPodRecord): HookLocation => ({
  hooks: join(writableDirectory(state, record), "hooks"),
  uid: vmUserOf(record).uid,
});
/** Holds the socket at which a sidecar is attached. @throws BindingError UNAVAILABLE where there is none that is its user's */
export function holdAttachSocket({ base, components, uid }: SidecarLocation): HeldSocket {
  using directory = HeldDirectory.open(base, [...components, "netbind"]);
  return directory.socket("attach.sock", uid);
}

/** Removes what a sidecar that has ended left of its sockets, as its user. */
export async function removeSockets(exec: Exec, user: VmUser, { base, components }: SidecarLocation): Promise<void> {
  // What the sidecar put in the directory's place may lead its user, who sees nothing of the machine in there, anywhere.
  using directory = HeldDirectory.find(base, [...components, "netbind"]);
  if (directory === undefined) return;
  const argv = ["rm", "--recursive", "--force", "--", "/proc/self/fd/3/attach.sock"];
  await exec([...dropPrivileges(user), ...argv], { descriptors: [directory.descriptor] });
}

/** Puts a file where the VMs' users may read it, under a name that only who knows what is in it can tell; once for each. */
function publish(cache: string, name: (hash: string) => string, of: string | Buffer, put: (path: string) => void): string {
  const directory = join(cache, "runtime");
  makeDirectory(directory);
  const target = join(directory, name(createHash("sha256").update(of).digest("hex")));
  if (exists(target)) return target;
  const next = `${target}.${process.pid}`;
  put(next);
  rename(next, target);
  return target;
}

/** Publishes the runtime that this process has itself. */
function publishNode(cache: string, node: string): string {
  const { size, mtimeMs } = statSync(node);
  const name = (text: string): string => derivedName("node", { text });
  return publish(cache, name, `${node} ${size} ${mtimeMs}`, (path) => installFile(node, path, 0o755));
}

/** Publishes a bundle. Its author may change it meanwhile: what is published is the very text that its name was made of. */
function publishBundle(cache: string, source: string): string {
  if (!statSync(source).isFile()) throw new Error(`${source} is not a regular file`);
  const bytes = readFileSync(source);
  const name = (text: string): string => derivedName("bundle", { text }, ".mjs");
  return publish(cache, name, bytes, (path) => writeText(path, bytes, 0o644));
}

/**
 * Puts the files of a binding's sidecar where the VMs' user may read them. They stay as they are: a VM that runs goes on
 * with what it was started with.
 *
 * @throws Error where this machine has no sidecar of the binding
 */
export function publishSidecar(runtime: SidecarRuntime, cache: string, binding: string, container: string): SidecarSpec {
  const source = runtime.bundle(binding);
  if (source === undefined) throw new Error(`this release has no sidecar of binding "${binding}" to run on one machine`);
  return { container, node: publishNode(cache, runtime.node), bundle: publishBundle(cache, source), start: runtime.start };
}

/** Puts the files that read a guest's console where the VMs' user may read them: a runtime, and a program without any other. */
export function publishConsole(cache: string, node: string, program: string): Pick<SidecarSpec, "node" | "bundle"> {
  return { node: publishNode(cache, node), bundle: publishBundle(cache, program) };
}

/** What a sidecar sees: the runtime, its bundle, its hooks directory. Nothing of the machine or of other VMs. */
const sidecarSandbox = (binding: string, { container, node, bundle, start }: SidecarSpec, hooks: string, user: VmUser): Sandbox => ({
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
  throw new BindingError("PLUGIN_FAILED", `the sidecar of binding "${binding}" did not start${limits}`, BINDING_FAULT);
}
