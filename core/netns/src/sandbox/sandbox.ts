import { OVER_FRESH_PROC } from "../exec/fresh-proc.ts";
import { FILTER_FD } from "./give-filter.ts";
import { type Limits, limitOptions } from "./limits.ts";

/** Where something of the machine is seen inside a sandbox. */
export interface SandboxBind {
  readonly source: string;
  readonly target: string;
  readonly writable?: boolean;
}

/** A process shut off from the machine: own PID, mount, IPC and host name namespaces (and user namespace,
 * where it needs no privilege over the pod), no new privileges. */
export interface Sandbox {
  /** The machine's user that it runs as; inside its user namespace it is the same number. */
  readonly uid: number;
  readonly gid: number;
  readonly limits: Limits;
  /** The only files that it sees beside an empty root, /dev, /proc and, where its limits give it one, /tmp. */
  readonly binds: readonly SandboxBind[];
  readonly env?: Readonly<Record<string, string>>;
  /** A file whose text is given through standard input. */
  readonly stdinFile?: string;
  /**
   * Capabilities that its program asks for and does not use (`net_admin`). In a user namespace of its own they are void over
   * the pod; where this machine has none to give, they are real over the pod's network, and nothing else.
   */
  readonly idleCapabilities?: readonly string[];
  /** Capabilities that it uses over the pod's network (`net_raw`): it then has no user namespace of its own. */
  readonly podCapabilities?: readonly string[];
  /** A directory that it may write to, in memory, of its own mount namespace: it goes with the sandbox. */
  readonly memory?: { readonly target: string; readonly bytes: number };
  /** True for a process that ends with its caller, and has no network at all: an ordinary user's too. */
  readonly held?: boolean;
  readonly argv: readonly string[];
}

/** The library directories that a dynamically linked program needs, and nothing else of /usr. */
export const LIBRARY_BINDS: readonly SandboxBind[] = [
  { source: "/usr/lib", target: "/usr/lib" },
  { source: "/usr/lib64", target: "/usr/lib64" },
];

/** Becomes a user without a way back, before anything of the sandbox is made. Who is that user already has nothing to drop. */
const asUser = ({ uid, gid }: Sandbox, capabilities: readonly string[]): readonly string[] => {
  if (process.geteuid?.() === uid) return ["setpriv", "--no-new-privs"];
  const kept = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const ambient = capabilities.length === 0 ? [] : [`--ambient-caps=${kept}`];
  const ids = ["--reuid", String(uid), "--regid", String(gid), "--clear-groups"];
  return ["setpriv", ...ids, `--inh-caps=${kept}`, ...ambient, `--bounding-set=${kept}`, "--no-new-privs"];
};

/** The directories on the way to what is shown: bubblewrap would make them for their owner alone. */
function parents(sandbox: Sandbox): readonly string[] {
  const paths = sandbox.binds.flatMap(({ target }) => {
    const parts = target.split("/").slice(1, -1);
    return parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`);
  });
  return [...new Set(paths)].flatMap((path) => ["--perms", "0755", "--dir", path]);
}

/** The sandbox's own /tmp, and what else it has in memory. Its user need not be who mounts it. */
const temporary = ({ limits, memory }: Sandbox): readonly string[] =>
  [{ target: "/tmp", bytes: limits.tmp }, ...(memory === undefined ? [] : [memory])]
    .filter(({ bytes }) => bytes > 0)
    .flatMap(({ target, bytes }) => ["--perms", "1777", "--size", String(bytes), "--tmpfs", target]);

/** What every sandbox sees. Nothing of it can be written but what it has in memory and what is shown as writable. */
function fileSystem(sandbox: Sandbox): readonly string[] {
  return [
    ...parents(sandbox),
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--proc", "/proc"],
    ...temporary(sandbox),
    ...sandbox.binds.flatMap(({ source, target, writable }) => [
      writable === true ? "--bind" : "--ro-bind",
      source,
      target,
    ]),
    ...Object.entries(sandbox.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
    ...(sandbox.stdinFile === undefined ? [] : ["--perms", "0444", "--ro-bind-data", "0", sandbox.stdinFile]),
    // Bubblewrap's own /dev has no bound, and its /dev/shm would be the sandbox's to fill.
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--"],
  ];
}

/** What every sandbox is shut off by. The filter of system calls holds from the moment that its program starts. */
const SHUT_OFF = [
  ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--clearenv", "--seccomp", String(FILTER_FD)],
];
/** Its host name; and what its first process is, for who started it. */
const IDENTITY = ["--hostname", "sandbox", "--info-fd", "3"] as const;

/** What a sandbox is born with: its caller's network and a life of its own, or neither. */
const birth = ({ held = false }: Sandbox): readonly string[] => [
  ...IDENTITY,
  ...(held ? ["--unshare-net", "--die-with-parent"] : []),
];

/**
 * How this machine lets sandboxes be made. `user-namespace`: each in one of its own; `fresh-proc`: the same, over a /proc of
 * its own; `no-user-namespace`: made as root, who becomes the sandbox's user inside.
 */
export type SandboxWay = "user-namespace" | "fresh-proc" | "no-user-namespace";

/** A sandbox that root makes: its process has these capabilities over the pod, and no way to more. */
function madeByRoot(sandbox: Sandbox, capabilities: readonly string[]): readonly string[] {
  // In a user namespace of its own a capability would be void over the pod: it changes its user inside instead.
  const changing = ["setuid", "setgid", "setpcap", ...capabilities].flatMap((name) => [
    "--cap-add",
    `CAP_${name.toUpperCase()}`,
  ]);
  const setpriv = { source: "/usr/bin/setpriv", target: "/usr/bin/setpriv" };
  return [
    // The program is the first process itself: no other of root's stays in the sandbox.
    ...["bwrap", ...SHUT_OFF, "--as-pid-1", ...birth(sandbox), "--cap-drop", "ALL", ...changing],
    ...fileSystem({ ...sandbox, binds: [...sandbox.binds, setpriv], env: { PATH: "/usr/bin", ...sandbox.env } }),
    ...asUser(sandbox, capabilities),
    ...sandbox.argv,
  ];
}

/** A sandbox that its own user makes, in a user namespace; it can make no other. */
function madeByUser(sandbox: Sandbox): readonly string[] {
  const { uid, gid, idleCapabilities = [] } = sandbox;
  return [
    ...asUser(sandbox, []),
    ...[
      "bwrap",
      "--unshare-user",
      "--disable-userns",
      ...SHUT_OFF,
      "--uid",
      String(uid),
      "--gid",
      String(gid),
      ...birth(sandbox),
    ],
    ...idleCapabilities.flatMap((name) => ["--cap-add", `CAP_${name.toUpperCase()}`]),
    ...fileSystem(sandbox),
    ...sandbox.argv,
  ];
}

/**
 * The command line of a sandboxed process, in the network namespace of the caller. It leaves out bubblewrap's
 * `--die-with-parent` on purpose: a service outlives the process that started it, and its end comes from the journal.
 */
export function sandboxCommand(sandbox: Sandbox, way: SandboxWay): readonly string[] {
  const { podCapabilities = [], idleCapabilities = [] } = sandbox;
  const bounded = ["prlimit", ...limitOptions(sandbox.limits), "--"];
  if (podCapabilities.length > 0) return [...bounded, ...madeByRoot(sandbox, podCapabilities)];
  switch (way) {
    case "user-namespace":
      return [...bounded, ...madeByUser(sandbox)];
    case "fresh-proc":
      return [...OVER_FRESH_PROC, ...bounded, ...madeByUser(sandbox)];
    case "no-user-namespace":
      return [...bounded, ...madeByRoot(sandbox, idleCapabilities)];
    default:
      return way satisfies never;
  }
}
