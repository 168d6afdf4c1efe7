/** What a container's runtime or a machine may do to the control groups, as commands in a mount namespace; each with what is said of it. */

/** Without sysfs, as `chroot` and some builders have it: not even the directory is there. */
export const MISSING_GROUPS = {
  setUp: "mount -t tmpfs tmpfs /sys/fs",
  says: "no unified control group hierarchy (cgroup2) is mounted here: mount it read-write at /sys/fs/cgroup",
} as const;

/** The directory is there, and something else is mounted on it. */
export const HIDDEN_GROUPS = { setUp: "mount -t tmpfs tmpfs /sys/fs/cgroup", says: MISSING_GROUPS.says } as const;

/** As container runtimes mount them where a container is not privileged. */
export const READ_ONLY_GROUPS = {
  setUp: "mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup",
  says: "the control groups at /sys/fs/cgroup are mounted read-only: mount them read-write",
} as const;
