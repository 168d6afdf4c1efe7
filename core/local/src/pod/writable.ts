import { join } from "node:path";
import { type Exec, isMountPoint, makeDirectory, removeMounted, scaled } from "@netbind/netns";
import type { LocalPodRecord, WritableSize } from "../record/local-pod-record.ts";
import type { State } from "../record/state.ts";

const MIB = 1024 ** 2;
/** A VM has two of them while it is migrated. */
const PODS = 2;
/**
 * What a VM's users may write outside their processes' own /tmp: logs, sockets and settings in a launcher's directory, and in
 * those of sidecars. Each pod may have as much as each of a launcher's other file systems in memory; a pod at work takes
 * less than 1 MiB and 200 files.
 */
export const WRITABLE_SIZE: WritableSize = { bytes: scaled(PODS * 64 * MIB), inodes: scaled(PODS * 2048) };

/** The part of a pod's that holds the directories of its VM's user: its own directory, where an older netbind made it. */
export const writableDirectory = (state: State, { id, writable }: Pick<LocalPodRecord, "id" | "writable">): string =>
  writable === undefined ? state.podDirectory(id) : join(state.writable(id), id);

/** The directory in which a VM's pods meet while it is migrated. Links of files lead through one file system alone. */
export const meetingDirectory = (state: State, { id, writable }: Pick<LocalPodRecord, "id" | "writable">): string =>
  writable === undefined ? state.migration(id) : join(state.writable(id), "migration");

/** Makes the place of a pod's writable directories, in its VM's one file system for them; the record says so already. */
export async function mountWritable(state: State, exec: Exec, record: LocalPodRecord): Promise<void> {
  if (record.writable === undefined) return;
  const path = state.writable(record.id);
  makeDirectory(path);
  const { bytes, inodes } = record.writable;
  const options = `size=${bytes},nr_inodes=${inodes},mode=0711,nosuid,nodev,noexec`;
  if (!isMountPoint(path)) await exec(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]);
  makeDirectory(writableDirectory(state, record));
}

/**
 * Takes a VM's file system for them from its place. Other VMs' launchers have copies of the machine's mounts: what is in it goes
 * first, since they would keep it. By its name: no record is needed.
 */
export const unmountWritable = (state: State, exec: Exec, id: string): Promise<void> =>
  removeMounted(exec, state.writable(id));

/** Where files of a pod's processes may be: what they print is in both. */
export const podDirectories = (state: State, id: string): readonly string[] => [
  state.podDirectory(id),
  join(state.writable(id), id),
];
