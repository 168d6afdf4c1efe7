import { filterBytes } from "./give-filter.ts";
import type { Limits } from "./limits.ts";
import type { SandboxBind } from "./sandbox.ts";

/** A process on a root file system of its own, as a container's runtime starts it: it can write to what is bound for it alone. */
export interface Container {
  /** The machine's user that it runs as. */
  readonly uid: number;
  readonly gid: number;
  /** The number that this user, and its group, has inside. */
  readonly inside: number;
  /** Path of its root, to which nothing is written. */
  readonly rootfs: string;
  readonly args: readonly string[];
  /** NAME=VALUE */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly limits: Limits;
  readonly binds: readonly SandboxBind[];
}

/** The user that a container's root is on the machine while it is made: nothing runs as it. */
const CONTAINER_ROOT = 1_899_999_997;
const DEV_BYTES = 65_536;
const NAMESPACES = ["pid", "ipc", "mount", "uts", "network", "user"] as const;

const bind = ({ source, target, writable = false }: SandboxBind): object => ({
  ...{ type: "bind", source, destination: target },
  options: ["bind", "nosuid", "nodev", "noexec", writable ? "rw" : "ro"],
});

const inMemory = (destination: string, mode: string, bytes: number): object => ({
  ...{ type: "tmpfs", source: "tmpfs", destination },
  options: ["nosuid", "noexec", `mode=${mode}`, `size=${bytes}`],
});

/** Two users are inside: the process', and one that makes its mounts and is gone then. */
const mapping = (inside: number, id: number): readonly object[] => [
  { containerID: 0, hostID: CONTAINER_ROOT, size: 1 },
  { containerID: inside, hostID: id, size: 1 },
];

/** The configuration of a container, by the OCI runtime specification 1.0: no capability, no network, system calls filtered. */
export const containerConfiguration = ({ uid, gid, inside, ...container }: Container): object => ({
  ociVersion: "1.0.0",
  process: {
    user: { uid: inside, gid: inside },
    ...{ args: container.args, env: container.env, cwd: container.cwd },
    ...{ capabilities: {}, noNewPrivileges: true },
  },
  root: { path: container.rootfs, readonly: true },
  hostname: "sandbox",
  mounts: [
    { type: "proc", source: "proc", destination: "/proc" },
    inMemory("/dev", "755", DEV_BYTES),
    ...(container.limits.tmp > 0 ? [inMemory("/tmp", "1777", container.limits.tmp)] : []),
    ...container.binds.map(bind),
  ],
  linux: {
    namespaces: NAMESPACES.map((type) => ({ type })),
    uidMappings: mapping(inside, uid),
    gidMappings: mapping(inside, gid),
  },
  annotations: { "run.oci.seccomp_bpf_data": filterBytes().toString("base64") },
});
