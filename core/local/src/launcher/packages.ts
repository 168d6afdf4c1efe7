/** The Debian release that everything which runs beside a VM comes from. */
export const SUITE = "trixie";

/** The packages of the launcher: what starts a guest, connects it, and writes its cloud-init disk. */
export const LAUNCHER_PACKAGES: readonly string[] = [
  ...["libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86", "passt"],
  "genisoimage",
];

/** The packages that the demo guest is built from, inside the launcher's root file system. */
export const DEMO_GUEST_PACKAGES: readonly string[] = [
  "busybox-static",
  "cpio",
  "kmod",
  "util-linux",
  "qemu-guest-agent",
];
