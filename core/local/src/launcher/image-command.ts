import { findSandboxWay, OVER_FRESH_PROC, scaled } from "@netbind/netns";
import type { Image } from "./image.ts";
import { dropPrivileges, type VmUser } from "./vm-user.ts";

/** A program of the image's to run, shut off: it sees the image, and of the machine what `shown` binds for it. */
export interface ImageProgram {
  readonly image: Pick<Image, "rootfs">;
  readonly argv: readonly string[];
  /** Options of bubblewrap's. */
  readonly shown: readonly string[];
  /** A VM's user, who it runs as; absent: root without any capability, in a user namespace where there are such. */
  readonly user?: VmUser;
}

/** Bytes of its /tmp. */
const TMP = scaled(16 * 1024 ** 2);
const ALL_BUT_USER = [
  "--unshare-ipc",
  "--unshare-pid",
  "--unshare-net",
  "--unshare-uts",
  "--unshare-cgroup-try",
] as const;
/** What changing to a VM's user takes. */
const CHANGING = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"] as const;

/** The command that runs a program of the image's. @throws SandboxError where this machine lets no sandbox be made */
export async function imageCommand({ image, argv, shown, user }: ImageProgram): Promise<readonly string[]> {
  const { way } = await findSandboxWay();
  const over = way === "fresh-proc" ? OVER_FRESH_PROC : [];
  const seen = ["--die-with-parent", "--ro-bind", image.rootfs, "/", "--dev", "/dev", "--proc", "/proc"];
  const files = [
    ...seen,
    "--perms",
    "1777",
    "--size",
    String(TMP),
    "--tmpfs",
    "/tmp",
    ...shown,
    "--remount-ro",
    "/dev",
  ];
  if (user === undefined) return [...over, "bwrap", "--unshare-all", "--cap-drop", "ALL", ...files, ...argv];
  if (way === "no-user-namespace")
    return ["bwrap", ...ALL_BUT_USER, "--cap-drop", "ALL", ...CHANGING, ...files, ...dropPrivileges(user), ...argv];
  const ids = ["--uid", String(user.uid), "--gid", String(user.gid)];
  return [...over, ...dropPrivileges(user), "bwrap", "--unshare-all", ...ids, ...files, ...argv];
}
