/** Where something of the machine is seen inside a sandbox. */
export interface SandboxBind {
  readonly source: string;
  readonly target: string;
  readonly writable?: boolean;
}

/** A process shut off from the machine: own user, PID, mount, IPC and host name namespaces, no new privileges. */
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
  readonly argv: readonly string[];
}

/** The library directories that a dynamically linked program needs, and nothing else of /usr. */
export const LIBRARY_BINDS: readonly SandboxBind[] = [
  { source: "/usr/lib", target: "/usr/lib" },
  { source: "/usr/lib64", target: "/usr/lib64" },
];

/**
 * The command line of a sandboxed process, in the network namespace of whoever runs it. It leaves out bubblewrap's
 * `--die-with-parent` on purpose: a service outlives the process that started it, and its end comes from the journal.
 */
export function sandboxCommand(sandbox: Sandbox): readonly string[] {
  const { uid, gid } = sandbox;
  return [
    ...[
      "setpriv",
      "--reuid",
      String(uid),
      "--regid",
      String(gid),
      "--clear-groups",
      "--inh-caps=-all",
      "--bounding-set=-all",
      "--no-new-privs",
    ],
    ...["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session", "--clearenv"],
    ...["--uid", String(uid), "--gid", String(gid), "--hostname", "sandbox", "--info-fd", "3"],
    ...(sandbox.innerCapabilities ?? []).flatMap((capability) => ["--cap-add", capability]),
    ...["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"],
    ...sandbox.binds.flatMap(({ source, target, writable }) => [writable === true ? "--bind" : "--ro-bind", source, target]),
    ...Object.entries(sandbox.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
    ...(sandbox.stdinFile === undefined ? [] : ["--ro-bind-data", "0", sandbox.stdinFile]),
    ...["--remount-ro", "/", "--", ...sandbox.argv],
  ];
}
