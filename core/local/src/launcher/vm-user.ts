/** The user that libvirt and QEMU run as, as in KubeVirt's launcher. */
export const VM_USER = { uid: 107, gid: 107 } as const;

/** Becomes that user, with nothing of root's left. */
export const DROP_PRIVILEGES = [
  ...["setpriv", "--reuid", "107", "--regid", "107", "--clear-groups"],
  ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
] as readonly string[];
