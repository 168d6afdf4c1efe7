/** A pod's container as a container runtime is told of it, and where the kubelet puts it. */

const USER = 107;

/** A container of a pod. */
export interface ContainerRequest {
  readonly name: string;
  /** The program and its first arguments; absent: the runtime of the sidecars' images. */
  readonly argv?: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** What of the volume it has. */
  readonly subPath: string;
  readonly inPodNetwork: boolean;
  /** True for one that has a sidecar's limits, where the node has control groups. */
  readonly isSidecar?: boolean;
  /** A root file system of its own, with all that it runs; absent: the sidecars'. */
  readonly rootfs?: string;
}

/** What a container is made of. */
export interface ContainerParts {
  readonly argv?: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly rootfs: string;
  /** True where it has the machine's programs and libraries. */
  readonly hasMachine: boolean;
  readonly resolv: string;
  /** What of its pod's hook sockets it has, on the node. */
  readonly hooks: string;
  /** Its pod's network namespace; absent: the caller's. */
  readonly netns?: string;
  /** Its control group, from the hierarchy's root; absent: the caller's. */
  readonly cgroup?: string;
  readonly isSidecar?: boolean;
  /** Thousandths of a processor that one in a control group may use; absent: as many as there are. */
  readonly millis?: number;
}

/** The control group of a pod without requests, as a kubelet with systemd's names has it, from the hierarchy's root. */
export const podCgroup = (uid: string): string =>
  `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll("-", "_")}.slice`;

/**
 * Bytes of memory that KubeVirt lets a sidecar have where its VM's pod is a guaranteed one (reference, pod rendering, the table
 * of a sidecar's container). Its fifth of a processor is left out but where that is measured: a node that is emulated has far less
 * than a node's.
 */
export const SIDECAR_MEMORY = 64_000_000;
/** Microseconds in which a container may use its part of a processor, as the kubelet has it. */
const PERIOD = 100_000;

const sidecarLimits = (millis: number | undefined): object => ({
  memory: { limit: SIDECAR_MEMORY, swap: SIDECAR_MEMORY },
  ...(millis === undefined ? {} : { cpu: { quota: (millis * PERIOD) / 1000, period: PERIOD } }),
});

const bind = (source: string, destination: string, mode: string): object => ({
  type: "bind",
  source,
  destination,
  options: ["bind", mode],
});

/** The OCI runtime's configuration: uid 107, no capability, nothing of the node but its directory of the pod's volume. */
export const containerSpec = ({
  argv = ["/netbind/node"],
  args,
  env,
  rootfs,
  hasMachine,
  resolv,
  hooks,
  netns,
  cgroup,
  isSidecar = false,
  millis,
}: ContainerParts): object => ({
  ociVersion: "1.0.0",
  process: {
    user: { uid: USER, gid: USER },
    args: [...argv, ...args],
    env,
    cwd: "/",
    capabilities: {},
    noNewPrivileges: true,
  },
  root: { path: rootfs, readonly: true },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
    ...(hasMachine ? [bind("/usr", "/usr", "ro")] : []),
    bind(resolv, "/etc/resolv.conf", "ro"),
    bind(hooks, "/var/run/kubevirt-hooks", "rw"),
  ],
  linux: {
    namespaces: [
      ...["pid", "ipc", "mount", "uts"].map((type) => ({ type })),
      ...(netns === undefined ? [] : [{ type: "network", path: netns }]),
    ],
    ...(cgroup === undefined
      ? {}
      : { cgroupsPath: cgroup, ...(isSidecar ? { resources: sidecarLimits(millis) } : {}) }),
  },
});
