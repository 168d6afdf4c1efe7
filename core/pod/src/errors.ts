/** The errors of this package: one function for each cause, in the order of the alphabet, after the classes that they are of. */
import { BindingError } from "@netbind/contract";
import { GroupError } from "@netbind/netns";

/** The record of a pod cannot be read by this version: nothing of it is acted on. */
export class DamagedRecordError extends Error {
  override readonly name = "DamagedRecordError";
}

/** A sidecar that changes what a guest runs. */
export const changedCloudInit = (fix: string): BindingError =>
  new BindingError(
    "PLUGIN_FAILED",
    "a sidecar changed the VM's cloud-init data in its answer to PreCloudInitIso, which no plan allows",
    fix,
  );

/** A record with a field that is not of its form. */
export const damagedRecord = (file: string, field: string): DamagedRecordError =>
  new DamagedRecordError(`${file} is damaged: "${field}" does not have the form that netbind writes`);

/** A service of the machine's names that does not answer. */
export const failedLookup = (ids: readonly number[], why: string): Error =>
  new Error(`getent passwd or group ${ids.join(" ")}: ${why}: see /etc/nsswitch.conf`);

/** A directory beside those of a pod's sidecars. */
export const foreignDirectory = (hooks: string, name: string): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `${hooks} holds ${JSON.stringify(name)}, which does not belong to a sidecar of this pod`,
    "remove it: only the host makes sidecars' directories",
  );

/** A name of a control group that is not a path from the root of the hierarchy. */
export const invalidGroupName = (variable: string, name: string): GroupError =>
  new GroupError(
    `${variable} is ${JSON.stringify(name)}: give a path from the hierarchy's root, as /proc/self/cgroup shows it`,
  );

/** A control group that is named where none can be made. */
export const noHierarchy = (variable: string, name: string, why: string): GroupError =>
  new GroupError(`${variable} is ${name}, and ${why}, or set ${variable}=none`);

/** A record of another version. */
export const otherVersion = (file: string, version: unknown, known: number): DamagedRecordError =>
  new DamagedRecordError(`${file} is of version ${JSON.stringify(version)}, and this netbind reads version ${known}`);

/** A control group that does not delegate what limits take. */
export const undelegatedGroup = (
  name: string,
  {
    variable,
    delegated,
    needed,
  }: { readonly variable: string; readonly delegated: readonly string[]; readonly needed: string },
): GroupError =>
  new GroupError(
    `${variable} is ${name}, and that control group delegates ${JSON.stringify(delegated.join(" "))} to its children: ` +
      `it must delegate ${needed} (cgroup.subtree_control), and so must every group above it`,
  );

/** A sidecar's answer that is not cloud-init data. */
export const unreadableCloudInit = (): Error =>
  new Error("a sidecar answered PreCloudInitIso with what is not cloud-init data");

/** A record that is not JSON, or a file that cannot be read. */
export const unreadableRecord = (file: string, cause: Error): DamagedRecordError =>
  new DamagedRecordError(`${file} cannot be read: ${cause.message}`, { cause });
