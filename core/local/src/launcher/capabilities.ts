import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exec, UserTree } from "@netbind/netns";
import { VM_UIDS } from "@netbind/pod";
import { dropPrivileges, groupText, passwdText, type VmUser } from "./vm-user.ts";

/** Where libvirt keeps what it found out about QEMU, below its cache directory. */
const LIBVIRT_CACHE = "libvirt/qemu/cache/capabilities";
/** Where the image keeps a copy. */
const IMAGE_COPY = "capabilities";
const DEADLINE = 120_000;
/** A user that no VM gets. */
const BUILDER: VmUser = { uid: VM_UIDS.first - 1, gid: VM_UIDS.first - 1 };

/** Starts libvirt for nothing but a look at QEMU, and ends it. */
const PROBE = [
  "libvirtd -d -p /tmp/libvirtd.pid",
  "virsh -q -c 'qemu:///session?socket=/tmp/run/libvirt/libvirt-sock' domcapabilities --virttype qemu > /tmp/found",
  "kill $(cat /tmp/libvirtd.pid)",
  `cp /tmp/cache/${LIBVIRT_CACHE}/*.xml /netbind/`,
].join(" && ");

/** Writes the lists of users that the builder is in: libvirt looks itself up, and ends where it is not there. */
function writeUsers(): string {
  const directory = mkdtempSync(join(tmpdir(), "netbind-users-"));
  for (const [name, text] of [
    ["passwd", passwdText(BUILDER)],
    ["group", groupText(BUILDER)],
  ] as const) {
    writeFileSync(join(directory, name), text);
    chmodSync(join(directory, name), 0o444);
  }
  return directory;
}

const DIRECTORIES = {
  HOME: "/tmp",
  XDG_RUNTIME_DIR: "/tmp/run",
  XDG_CONFIG_HOME: "/tmp/config",
  XDG_CACHE_HOME: "/tmp/cache",
  XDG_DATA_HOME: "/tmp/data",
} as const;

/** The command that asks the image's libvirt for its QEMU's capabilities, and writes them to `found`. */
const probeCommand = (rootfs: string, found: string, users: string): readonly string[] => [
  ...[
    "bwrap",
    "--unshare-net",
    "--unshare-pid",
    "--unshare-ipc",
    "--die-with-parent",
    "--clearenv",
    "--ro-bind",
    rootfs,
    "/",
  ],
  ...["--dev", "/dev", "--proc", "/proc", "--ro-bind", "/sys", "/sys"],
  ...["--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/netbind"],
  ...["--bind", found, "/netbind", "--setenv", "PATH", "/usr/sbin:/usr/bin"],
  ...Object.entries(DIRECTORIES).flatMap(([name, value]) => ["--setenv", name, value]),
  ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"],
  ...["--ro-bind", join(users, "passwd"), "/etc/passwd", "--ro-bind", join(users, "group"), "/etc/group"],
  ...["--", ...dropPrivileges(BUILDER)],
  ...["sh", "-c", `mkdir -p /tmp/run /tmp/config /tmp/cache /tmp/data && ${PROBE}`],
];

/**
 * Finds QEMU's capabilities out while the image is built, where no guest is near: every launcher starts from a copy,
 * and none can change what another one reads. libvirt itself probes again where QEMU or the kernel has changed by then.
 */
export async function warmCapabilities(exec: Exec, rootfs: string): Promise<void> {
  const found = join(rootfs, IMAGE_COPY);
  mkdirSync(found, { recursive: true });
  chownSync(found, BUILDER.uid, BUILDER.gid);
  const users = writeUsers();
  await exec(probeCommand(rootfs, found, users), { deadline: DEADLINE }).finally(() =>
    rmSync(users, { recursive: true }),
  );
  for (const path of [found, ...readdirSync(found).map((name) => join(found, name))]) chownSync(path, 0, 0);
}

/** Gives a launcher its copy, in its cache directory. */
export function copyCapabilities(rootfs: string, launcher: UserTree): void {
  const source = join(rootfs, IMAGE_COPY);
  if (!existsSync(source)) return;
  const place = ["cache", ...LIBVIRT_CACHE.split("/")];
  launcher.makeDirectory(...place);
  for (const name of readdirSync(source)) launcher.copy(join(source, name), ...place, name);
}
