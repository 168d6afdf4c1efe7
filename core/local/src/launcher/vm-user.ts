/** The machine's user that everything of one VM runs as: libvirt, QEMU, sidecars, the console's reader. */
export interface VmUser {
  readonly uid: number;
  readonly gid: number;
}

/** A VM that an older netbind started runs as the user that KubeVirt's launcher has. */
const OLDER = 107;
const NAME = "qemu";

/** The user of a recorded VM: its own, which no other VM's processes run as. All its pods have the same. */
export const vmUserOf = ({ vmUid = OLDER }: { readonly vmUid?: number }): VmUser => ({ uid: vmUid, gid: vmUid });

/** Becomes that user, with nothing of root's left. */
export const dropPrivileges = ({ uid, gid }: VmUser): readonly string[] => [
  ...["setpriv", "--reuid", String(uid), "--regid", String(gid), "--clear-groups"],
  ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
];

/** What a launcher's processes find under /etc of users: root, and their own. */
export const passwdText = ({ uid, gid }: VmUser): string =>
  `root:x:0:0:root:/root:/usr/sbin/nologin\n${NAME}:x:${uid}:${gid}::/netbind:/usr/sbin/nologin\n`;
/** The same, of groups. */
export const groupText = ({ gid }: VmUser): string => `root:x:0:\n${NAME}:x:${gid}:\n`;
