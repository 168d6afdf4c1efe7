import { closeSync, constants, copyFileSync, fchownSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Vmi } from "@netbind/engine";
import type { VmUser } from "./vm-user.ts";
import { madeDisks, VolumeError } from "./volumes.ts";

/** What is made of a Secret, a ConfigMap or cloud-init data is smaller than a mebibyte, and its file system a little more. */
const LIMIT = 16 * 1024 * 1024;
const { O_RDONLY, O_WRONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_CREAT, O_EXCL } = constants;

/** Opens something and closes it again. */
function withOpen<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags, 0o600);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function copyDisk(name: string, from: number, to: number, { uid, gid }: VmUser): void {
  withOpen(`/proc/self/fd/${from}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, (source) => {
    const { size } = fstatSync(source);
    if (!fstatSync(source).isFile() || size > LIMIT)
      throw new VolumeError(`disk ${name} is not what it was made as: stop the VM and start it again`);
    withOpen(`/proc/self/fd/${to}/${name}`, O_WRONLY | O_NOFOLLOW | O_CREAT | O_EXCL, (target) => {
      copyFileSync(`/proc/self/fd/${source}`, `/proc/self/fd/${target}`);
      fchownSync(target, uid, gid);
    });
  });
}

/**
 * Copies the disks that were made for a VM from one launcher's directory to another's. A launcher may have put anything in
 * their place: no link is followed, nothing but a small file is read.
 *
 * @throws VolumeError
 */
export function copyDisks(vmi: Vmi, user: VmUser, from: string, to: string): void {
  const directory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  withOpen(join(from, "disks"), directory, (source) =>
    withOpen(join(to, "disks"), directory, (target) => {
      for (const name of madeDisks(vmi)) copyDisk(name, source, target, user);
    }),
  );
}
