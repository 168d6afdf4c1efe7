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
  /** The only files that it sees beside an empty root, /dev, /proc and /tmp. */
  readonly binds: readonly SandboxBind[];
  readonly env?: Readonly<Record<string, string>>;
  /** A file whose text is given through standard input. */
  readonly stdinFile?: string;
  /** Capabilities inside its own user namespace: void over the pod's namespaces. */
  readonly innerCapabilities?: readonly string[];
  /** Real capabilities over the pod's network (`net_raw`): it then has no user namespace of its own. */
  readonly podCapabilities?: readonly string[];
  readonly argv: readonly string[];
}

/** The library directories that a dynamically linked program needs, and nothing else of /usr. */
export const LIBRARY_BINDS: readonly SandboxBind[] = [
  { source: "/usr/lib", target: "/usr/lib" },
  { source: "/usr/lib64", target: "/usr/lib64" },
];

/** Becomes a user without a way back, before anything of the sandbox is made. */
const asUser = ({ uid, gid }: Sandbox, capabilities: readonly string[]): readonly string[] => {
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

/** What every sandbox sees. */
function fileSystem(sandbox: Sandbox): readonly string[] {
  return [
    ...parents(sandbox),
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
    ...sandbox.binds.flatMap(({ source, target, writable }) => [writable === true ? "--bind" : "--ro-bind", source, target]),
    ...Object.entries(sandbox.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
    ...(sandbox.stdinFile === undefined ? [] : ["--perms", "0444", "--ro-bind-data", "0", sandbox.stdinFile]),
    ...["--remount-ro", "/", "--"],
  ];
}

/** Bytes that any file of a sandbox may have: what it prints must not fill the machine. */
export const FILE_LIMIT: number = 16 * 1024 * 1024;
const BOUNDED = ["prlimit", `--fsize=${FILE_LIMIT}`, "--"] as const;

const NAMESPACES = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--clearenv"] as const;
const IDENTITY = ["--hostname", "sandbox", "--info-fd", "3"] as const;

/**
 * The command line of a sandboxed process, in the network namespace of whoever runs it. It leaves out bubblewrap's
 * `--die-with-parent` on purpose: a service outlives the process that started it, and its end comes from the journal.
 */
export function sandboxCommand(sandbox: Sandbox): readonly string[] {
  const { uid, gid, podCapabilities = [] } = sandbox;
  if (podCapabilities.length > 0) {
    // In a user namespace of its own a capability would be void over the pod: it changes its user inside instead.
    const changing = ["setuid", "setgid", "setpcap", ...podCapabilities].flatMap((name) => ["--cap-add", `CAP_${name.toUpperCase()}`]);
    const setpriv = { source: "/usr/bin/setpriv", target: "/usr/bin/setpriv" };
    return [
      // The server is the first process itself: no other of root's stays in the sandbox.
      ...[...BOUNDED, "bwrap", ...NAMESPACES, "--as-pid-1", ...IDENTITY, "--cap-drop", "ALL", ...changing],
      ...fileSystem({ ...sandbox, binds: [...sandbox.binds, setpriv], env: { PATH: "/usr/bin", ...sandbox.env } }),
      ...asUser(sandbox, podCapabilities),
      ...sandbox.argv,
    ];
  }
  return [
    ...BOUNDED,
    ...asUser(sandbox, []),
    ...["bwrap", "--unshare-user", ...NAMESPACES, "--uid", String(uid), "--gid", String(gid), ...IDENTITY],
    ...(sandbox.innerCapabilities ?? []).flatMap((capability) => ["--cap-add", capability]),
    ...fileSystem(sandbox),
    ...sandbox.argv,
  ];
}
