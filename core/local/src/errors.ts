/** The errors of this package: one function for each cause, in the order of the alphabet, after the classes that they are of. */
import { BINDING_FAULT, BindingError, defined, type Violation } from "@netbind/contract";

/** A CNI plugin that is missing, or that refused. */
export class CniError extends Error {
  override readonly name = "CniError";
}

/** A disk of the machine's that a VM must not have, or that is not what it was. */
export class HostDiskError extends Error {
  override readonly name = "HostDiskError";
}

/** What libvirt said no to: the domain that was named is not there, or nothing is under way of a migration. */
export type LibvirtCode = "NO_DOMAIN" | "NO_JOB";

/** virsh has one exit code for everything, and says in words alone what it was. */
const LIBVIRT_WORDS: readonly (readonly [RegExp, LibvirtCode])[] = [
  [/failed to get domain/i, "NO_DOMAIN"],
  [/no job is active/i, "NO_JOB"],
];

/** libvirt said no. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  /** Absent where it said anything else. */
  readonly code?: LibvirtCode;

  constructor(message: string, { code, ...options }: ErrorOptions & { readonly code?: LibvirtCode } = {}) {
    super(message, options);
    if (code !== undefined) this.code = code;
  }
}

/** This machine does not let a guest's memory be pinned. */
export class LockedMemoryError extends Error {
  override readonly name = "LockedMemoryError";
}

/** The VM cannot be migrated, and nothing was begun. */
export class MigrationRefusedError extends Error {
  override readonly name = "MigrationRefusedError";
  readonly violations: readonly Violation[];

  constructor(vm: string, violations: readonly Violation[]) {
    const lines = violations.map(
      ({ field, problem, fix }) => `\n    ${field === "" ? "" : `${field}: `}${problem}\n        fix: ${fix}`,
    );
    super(
      `VM ${vm} cannot be migrated: ${violations.length} ${violations.length === 1 ? "problem" : "problems"}${lines.join("")}`,
    );
    this.violations = violations;
  }
}

/** A migration failed, and a libvirt that does not answer kept it from being taken back whole. */
export class MigrationUnsettledError extends Error {
  override readonly name = "MigrationUnsettledError";

  constructor(
    failure: Error,
    why: Error,
    pods: readonly { readonly namespace: string; readonly name: string; readonly netns: string }[],
  ) {
    const [first] = pods;
    const name = first === undefined ? "" : `${first.namespace}/${first.name}`;
    const [left, help] =
      pods.length > 1
        ? [
            `two pods of VM ${name} are left (${pods.map(({ netns }) => netns).join(", ")}), because its guest may be in either`,
            `when its libvirt answers, run netbind apply ${name} or netbind gc: each ends the migration`,
          ]
        : [
            `the second pod of VM ${name} is removed, and its guest may be paused until its libvirt answers, which resumes it`,
            `where it does not answer again, run netbind stop --force ${name}, and start the VM again`,
          ];
    super(
      `${failure.message}\n    the migration could not be rolled back completely: ${why.message}\n    ${left}\n    ${help}`,
      { cause: why },
    );
  }
}

/** A running VM cannot be changed so. */
export class NicChangeError extends Error {
  override readonly name = "NicChangeError";
}

/** More open files than this machine lets a process have. */
export class OpenFilesError extends Error {
  override readonly name = "OpenFilesError";
}

/** What is left of a VM although all was tried. */
export class TeardownError extends Error {
  override readonly name = "TeardownError";
}

/** The VM is there already. */
export class VmExistsError extends Error {
  override readonly name = "VmExistsError";
}

/** There is no such VM. */
export class VmNotFoundError extends Error {
  override readonly name = "VmNotFoundError";
}

/** A volume that refers to something that is not in the input, or not usable. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** A resource all of whose devices are taken. */
export const devicesTaken = (what: string, resource: string): Error =>
  new Error(`all ${what} of ${resource} are taken`);

/** A plugin whose process failed. */
export const failedBinding = (name: string, why: string): BindingError =>
  new BindingError("PLUGIN_FAILED", `binding "${name}": ${why}`, BINDING_FAULT);

/** A CNI plugin that failed. */
export const failedPlugin = (
  type: string,
  verb: string,
  { said, cause }: { readonly said: string; readonly cause: unknown },
): CniError => new CniError(`CNI plugin "${type}" failed to ${verb}: ${said}`, { cause });

/** What libvirt said where virsh failed. */
export const failedVirsh = (cause: Error): LibvirtError => {
  const code = LIBVIRT_WORDS.find(([words]) => words.test(cause.message))?.[1];
  return new LibvirtError(cause.message.replace(/^.* virsh /, "virsh "), defined({ cause, code }));
};

/** A NIC that cannot go: it is of the pod network. */
export const firstNetworkStays = (nic: string): NicChangeError =>
  new NicChangeError(`NIC "${nic}" is on the pod's first network, which stays as long as its pod`);

/** A path of a disk that is not in its one form. */
export const invalidDiskPath = (): HostDiskError => new HostDiskError("it is not an absolute path without . and ..");

/** A name that no file on a disk can have. */
export const invalidFileName = (volume: string, name: string): VolumeError =>
  new VolumeError(`volume "${volume}": ${JSON.stringify(name)} is not a valid name of a file on its disk`);

export const invalidPciAddress = (address: string): Error =>
  new Error(`${JSON.stringify(address)} is not a valid PCI address`);

/** A launcher whose process ended. */
export const launcherGone = (): LibvirtError => new LibvirtError("the VM's launcher does not run");

/** A libvirt that ends or does not answer; `words` are the last that it said. */
export const libvirtNotStarted = (words: string): LibvirtError => new LibvirtError(`libvirt did not start: ${words}`);

/** A process that may not lock the memory of a guest. */
export const lockedMemoryRefused = (bytes: number, limit: string, cause: unknown): LockedMemoryError =>
  new LockedMemoryError(
    `a device of the machine pins the guest's memory: ${bytes} bytes with what the device takes, and this process may lock at most ${limit}: raise its limit (ulimit -l, LimitMEMLOCK=) or run it with CAP_SYS_RESOURCE`,
    { cause },
  );

/** A disk whose access list other users would lose. */
export const maskedDisk = (): HostDiskError =>
  new HostDiskError("its access list has a mask that excludes other users, and an entry for the VM would change it");

/** A domain that the target was not planned for. */
export const misfittingDomain = (misfits: readonly string[]): Error =>
  new Error(`the domain does not fit its next pod: ${misfits.join("; ")}`);

/** A listed directory that does not exist. */
export const missingDiskDirectory = (directory: string): HostDiskError =>
  new HostDiskError(`there is no directory ${directory}`);

/** A kernel without the driver that gives devices away. */
export const missingDriver = (driver: string, cause: Error): Error =>
  new Error(`this kernel has no driver ${driver}, and it cannot be loaded: ${cause.message}`, { cause });

/** A Secret without the key that a volume needs. */
export const missingKey = (
  volume: string,
  { key, secret, known }: { readonly key?: string; readonly secret: string; readonly known: readonly string[] },
): VolumeError =>
  new VolumeError(`volume "${volume}" needs the key "${key}" in Secret "${secret}", which has: ${known.join(", ")}`);

/** A resource on a link that does not exist. */
export const missingLowerDevice = (resource: string, link: string): Error =>
  new Error(`${resource} is on the link "${link}", which neither the node's network nor this machine has`);

/** A NIC that a VM does not have. */
export const missingNic = (vm: string, nic: string, known: readonly string[]): NicChangeError =>
  new NicChangeError(`VM ${vm} has no NIC "${nic}" (it has: ${known.join(", ") || "none"})`);

/** A volume of something that is not in the input. */
export const missingReference = (volume: string, kind: string, name: string): VolumeError =>
  new VolumeError(`volume "${volume}" refers to ${kind} "${name}", which is not in the input: add its file with -f`);

/** A virtual function that its physical one does not have. */
export const missingVirtualFunction = (link: string, index: number): Error =>
  new Error(`link ${link} has no virtual function ${index}`);

/** A VM that this machine does not have. */
export const missingVm = (vm: string, known: readonly string[]): VmNotFoundError =>
  new VmNotFoundError(`there is no VM ${vm} on this machine (there are: ${known.join(", ") || "none"})`);

/** A change of a VM of which another one did not come to its end. */
export const nicChanging = (vm: string, nic: string): NicChangeError =>
  new NicChangeError(`NIC "${nic}" of VM ${vm} is being changed: run netbind apply to finish an interrupted change`);

/** A guest that keeps its device. */
export const nicKept = (domain: string, nic: string, seconds: number): LibvirtError =>
  new LibvirtError(
    `the guest of ${domain} did not release NIC "${nic}" within ${seconds} s: wait until it has booted, and try again`,
  );

/** A NIC whose binding keeps it as long as its VM. */
export const nicStays = (nic: string, binding = ""): NicChangeError =>
  new NicChangeError(`NIC "${nic}" of binding ${binding} cannot be detached: only NICs of bridge and sriov can`);

/** A network in place of the pod network that gives no address. */
export const noAddress = (network: string, ifname: string): CniError =>
  new CniError(
    `network "${network}" replaces the pod network, and its CNI plugin returned no address for ${ifname}: give its definition an ipam`,
  );

/** A machine whose apt knows no archive of Debian. */
export const noDebianArchive = (): Error =>
  new Error("apt has no Debian archive on this machine: add one to its sources and run apt-get update");

/** A runtime that hides the descriptors of sockets. */
export const noDescriptor = (): Error => new Error("this runtime does not report the descriptor of a socket");

/** A macvtap without a device file; `text` is what the kernel shows of it. */
export const noDeviceFile = (link: string, text: string): Error =>
  new Error(`link ${link} has no device file: ${text}`);

/** A device that cannot be given to a guest. */
export const noIommu = (address: string): Error =>
  new Error(
    `PCI device ${address} is not behind an IOMMU: turn it on in the firmware, and boot the kernel with intel_iommu=on (AMD: it is on)`,
  );

/** A NIC whose link cannot be set. */
export const noLinkState = (nic: string, binding = ""): NicChangeError =>
  new NicChangeError(
    `NIC "${nic}" of binding ${binding} has no link state to set: as in a cluster, only a NIC on a tap has one (masquerade, bridge, macvtap)`,
  );

/** A binding without a sidecar. */
export const noSidecar = (binding: string): BindingError =>
  new BindingError("UNAVAILABLE", `binding "${binding}" has no sidecar to ask`, "register one with a sidecarImage");

/** A disk of the machine that is neither a file nor a block device. */
export const notADisk = (isLink: boolean): HostDiskError =>
  new HostDiskError(isLink ? "it is a symbolic link" : "it is neither a regular file nor a block device");

export const notAFile = (path: string): Error => new Error(`${path} is not a regular file`);

/** A selector that is not a list of strings. */
export const notAListOfStrings = (where: string): Error => new Error(`${where} is not a list of strings`);

/** A selector that is not an object. */
export const notAnObject = (where: string): Error => new Error(`${where} is not an object`);

/** A CNI plugin that this machine does not have. */
export const noPlugin = (type: string, problem = `"${type}" is not an executable`): CniError => new CniError(problem);

/** A machine that permits no user namespace to isolate a plugin in. */
export const noUserNamespace = (cause: BindingError): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `${cause.message}; a plugin runs isolated from this machine, in a user namespace, and none could be made`,
    "permit ordinary users to make user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or start the plugin yourself and name its socket: --plugin NAME=unix:SOCKET",
    { cause },
  );

/** A resource that this machine has nothing of. */
export const noVirtualFunctions = (resource: string): Error =>
  new Error(
    `this machine has no virtual function for ${resource}: write how many to /sys/class/net/<link>/device/sriov_numvfs of a NIC that supports it, or correct the selectors`,
  );

/** A launcher of an older netbind that cannot be shown a device. */
export const olderDevices = (): LibvirtError =>
  new LibvirtError(
    "the VM was started by an older netbind, and cannot get a new device: stop the VM and start it again",
  );

/** A launcher that an older netbind started. */
export const olderLauncher = (): LibvirtError =>
  new LibvirtError(
    "the VM was started by an older netbind, which this one cannot manage: stop the VM and start it again",
  );

/** A disk in one of Netbind's own directories. */
export const ownDisk = (): HostDiskError => new HostDiskError("it is in one of Netbind's own directories");

/** A QEMU that ends as it starts; `words` are the last that libvirt said. */
export const qemuEnded = (words: string): Error => new Error(`QEMU ended at once: ${words}`);

/** A file that took the place of a disk. */
export const replacedDisk = (path: string): HostDiskError =>
  new HostDiskError(`${path} is not the file that was given to the VM: it was replaced`);

/** A device beside others that the machine uses. */
export const sharedIommuGroup = (address: string, group: string, others: readonly string[]): Error =>
  new Error(
    `PCI device ${address} shares IOMMU group ${group} with ${others.join(", ")}, which this machine uses itself`,
  );

/** A sidecar that ends or does not serve; `limits` are those that it may have run into. */
export const sidecarNotStarted = (binding: string, limits: string): BindingError =>
  new BindingError("PLUGIN_FAILED", `the sidecar of binding "${binding}" did not start${limits}`, BINDING_FAULT);

/** A guest that does not answer on its console; `seen` is what it printed, `deadline` is in milliseconds. */
export const silentGuest = (command: string, deadline: number, seen: string): Error =>
  new Error(`the guest did not answer to "${command}" in ${deadline} ms: ${seen.slice(-300)}`);

/** A sidecar whose socket is there, and that does not answer; `image` is the one that it runs from. */
export const silentSidecar = (binding: string, image: string | undefined, cause: Error): BindingError =>
  new BindingError(
    "UNAVAILABLE",
    `the sidecar of binding "${binding}"${image === undefined ? "" : ` from image ${image}`} does not answer Attach: ${cause.message.trim()}`,
    image === undefined ? BINDING_FAULT : "name an image that npm run images makes: its command must start a sidecar",
    { cause },
  );

/** Processes of a VM that do not end. */
export const stubbornVm = (vm: string, pids: readonly number[]): TeardownError =>
  new TeardownError(`processes ${pids.join(", ")} of VM ${vm} do not end`);

/** Ports that take more open files than the machine lets a process have. */
export const tooManyPorts = (
  nic: string,
  { needed, limit, most }: { readonly needed: number; readonly limit: number; readonly most: number },
): OpenFilesError =>
  new OpenFilesError(
    `passt needs ${needed} open files to forward the ports of NIC "${nic}", and this machine's hard limit is ${limit}: ` +
      `list the ports that the guest serves (${most} of TCP and as many of UDP fit), or raise the limit (ulimit -Hn, LimitNOFILE=)`,
  );

/** A device that the driver refuses. */
export const unboundDevice = (driver: string, address: string): Error =>
  new Error(`the driver ${driver} does not take PCI device ${address}`);

/** A file system without access lists. */
export const unchangedAcl = (reason: string, cause: unknown): Error =>
  new Error(`its access list cannot be changed (${reason}): put it on a file system with POSIX access lists`, {
    cause,
  });

/** A NIC that comes without a decision. */
export const undecidedNic = (nic: string): NicChangeError =>
  new NicChangeError(`NIC "${nic}" has no decision in the record`);

/** A NIC that the domain does not have. */
export const undefinedNic = (nic: string, binding = ""): NicChangeError =>
  new NicChangeError(`NIC "${nic}" of binding ${binding} is not in the domain`);

/** A selector that netbind does not know. */
export const unknownSelector = (where: string, selector: string, known: readonly string[]): Error =>
  new Error(`${where} has the selector ${JSON.stringify(selector)}: netbind knows ${known.join(", ")}`);

/** A disk that its administrator does not permit. */
export const unlistedDisk = (known: string): HostDiskError =>
  new HostDiskError(`it is in no directory that --host-disk lists (${known})`);

/** A recorded sidecar without what it runs from. */
export const unnamedBundle = (binding: string): Error =>
  new Error(`the record does not name the bundle of the sidecar of "${binding}"`);

/** A console whose reader does not start. */
export const unopenedConsole = (logFile: string): Error =>
  new Error(`the guest's console could not be opened: see ${logFile}`);

/** A serial port that libvirt does not open. */
export const unopenedSerialPort = (cause: Error): Error =>
  new Error(`the guest's serial port cannot be opened: ${cause.message}`);

/** A binding of which this release has no bundle. */
export const unreleasedSidecar = (binding: string): Error =>
  new Error(`this release has no sidecar of binding "${binding}" to run on one machine`);

/** A disk that cannot be used. */
export const unusableDisk = (path: string, cause: Error): HostDiskError =>
  new HostDiskError(`${path}: ${cause.message}`, { cause });

/** A volume whose disk cannot be used. */
export const unusableVolume = (volume: string, path: string, cause: Error): HostDiskError =>
  new HostDiskError(`volume "${volume}": ${path}: ${cause.message}`, { cause });

/** A VM that runs already. */
export const vmExists = (
  vm: string,
  { source, createdAt }: { readonly source: string; readonly createdAt: string },
): VmExistsError => new VmExistsError(`VM ${vm} runs already: started from ${source} at ${createdAt}`);

/** A change of a VM that does not run. */
export const vmNotRunning = (vm: string): NicChangeError =>
  new NicChangeError(`VM ${vm} does not run: only a running VM's NICs can be changed`);
