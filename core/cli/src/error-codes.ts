import { BindingError, type ErrorCode } from "@netbind/contract";
import { DOCTOR_CODES } from "./cluster/doctor-codes.ts";
import type { ErrorText } from "./error-text.ts";

/** Codes of the contract, which bindings and the core give. */
const CONTRACT: Readonly<Record<ErrorCode, ErrorText>> = {
  ATTACHMENT_INVALID: {
    means: "A binding was asked about a NIC in a form that the contract does not have.",
    fix: "use a plugin and a netbind of matching releases",
  },
  ATTACHMENT_MISSING: {
    means: "A sidecar was asked for its part in the VM before its NIC was attached.",
    fix: "start the VM again; if it stays, report it with the sidecar's log",
  },
  ATTACH_UNSEALED: {
    means: "A sidecar refused an Attach without the seal of root.",
    fix: "let netbind or the node agent attach; nothing else may",
  },
  CONTRACT_UNSUPPORTED: {
    means: "A plugin speaks a version of the contract that this release does not.",
    fix: "use a release of the plugin for this contract",
  },
  DOMAIN_INVALID: { means: "The VM's domain XML cannot be read or patched.", fix: "report it with the domain XML" },
  HOOK_UNSUPPORTED: {
    means: "A binding was asked for a hook that it does not declare.",
    fix: "report it to the author of the binding",
  },
  INTERNAL: { means: "A process failed in a way that nobody foresaw.", fix: "report it with the log of that process" },
  PLAN_IMPOSSIBLE: {
    means: "A binding cannot plan for this NIC on the pod link that there is.",
    fix: "do what the message says; netbind explain BINDING says what the binding serves",
  },
  PLAN_OUT_OF_BOUNDS: {
    means: "A plan has what its binding is not granted, or what could reach beyond its NIC.",
    fix: "grant it with --grants if you trust the binding",
  },
  PLUGIN_FAILED: {
    means: "A binding's plugin threw an error or gave an answer of another shape.",
    fix: "correct the plugin, or report it to its author",
  },
  POD_LINK_MISSING: {
    means: "The pod has no link for a NIC.",
    fix: "see whether the network's CNI plugin made one; start the VM again",
  },
  UNAVAILABLE: { means: "Nothing answers for a binding.", fix: "name its plugin with --plugin, or start its process" },
};

/** Codes of the command's own errors, by the names of their classes. */
const BY_NAME: Readonly<Record<string, { readonly code: string } & ErrorText>> = {
  ApiError: {
    code: "API_FAILED",
    means: "The cluster's API server does not answer, or refuses what is asked.",
    fix: "do what the message says; kubectl version shows whether it is in reach",
  },
  BusyError: { code: "BUSY", means: "Another netbind process is working on the VM.", fix: "wait for it, or stop it" },
  CniError: { code: "CNI_FAILED", means: "A CNI plugin failed.", fix: "read its message; see its configuration" },
  CommandError: { code: "COMMAND_FAILED", means: "A program of this machine failed.", fix: "read what it printed" },
  ConnectionError: {
    code: "CLUSTER_UNKNOWN",
    means: "It is not known how to reach the cluster, or as whom.",
    fix: "correct what the message names of the kubeconfig, or name another with --kubeconfig or --context",
  },
  ContainerDiskError: {
    code: "CONTAINER_DISK_UNUSABLE",
    means: "The image of a containerDisk volume cannot be had, or has no disk that a guest may get.",
    fix: "do what the message says of the image: correct its name, mirror it, or build it again",
  },
  SidecarImageError: {
    code: "SIDECAR_IMAGE_UNUSABLE",
    means: "The image of a binding's sidecar cannot be had, or cannot be unpacked.",
    fix: "do what the message says of the image: correct its name, or mirror it to a registry in reach",
  },
  DamagedRecordError: {
    code: "RECORD_DAMAGED",
    means: "The record of a pod cannot be read.",
    fix: "stop the VM, or remove what the message names",
  },
  DeadlineError: { code: "TOO_SLOW", means: "A file took too long to read.", fix: "split the file" },
  TooLargeError: { code: "TOO_LARGE", means: "A file is larger than what is read.", fix: "split the file" },
  EncodingError: { code: "NOT_UTF8", means: "A file is not in UTF-8.", fix: "write it in UTF-8" },
  ForeignPathError: {
    code: "PATH_FOREIGN",
    means: "A path that root works on belongs to another user.",
    fix: "correct its owner",
  },
  GrantsError: { code: "GRANTS_INVALID", means: "The file of --grants is not valid.", fix: "correct what is quoted" },
  GroupError: { code: "GROUP_FAILED", means: "A control group cannot be used.", fix: "see /sys/fs/cgroup" },
  HostDiskError: {
    code: "HOST_DISK_UNUSABLE",
    means: "A hostDisk volume cannot be used.",
    fix: "name a file below a directory that --host-disk lists",
  },
  ImageError: {
    code: "IMAGE_UNUSABLE",
    means: "An image cannot be had, or is not what it should be.",
    fix: "do what the message says of the image",
  },
  InputError: { code: "INPUT_REFUSED", means: "The input is not valid.", fix: "correct each finding" },
  InterruptedError: { code: "INTERRUPTED", means: "A signal ended the command.", fix: "run it again" },
  LauncherPanicError: {
    code: "LAUNCHER_PANIC",
    means: "virt-launcher would panic at what a sidecar does.",
    fix: "correct the sidecar",
  },
  LibvirtError: { code: "LIBVIRT_FAILED", means: "libvirt or QEMU refused the VM.", fix: "read its message" },
  LockedMemoryError: {
    code: "LOCKED_MEMORY",
    means: "The VM needs more locked memory than this machine allows.",
    fix: "raise the limit, or give the VM less memory",
  },
  MigrationRefusedError: { code: "MIGRATION_REFUSED", means: "The VM cannot migrate.", fix: "read why" },
  MigrationUnsettledError: {
    code: "MIGRATION_UNSETTLED",
    means: "It is not known in which pod a VM runs after a migration.",
    fix: "run netbind check and netbind stop for the VM",
  },
  NamedFileError: {
    code: "FILE_UNUSABLE",
    means: "A file that an option names cannot be read or is not valid.",
    fix: "name a valid file",
  },
  NicChangeError: { code: "NIC_CHANGE_REFUSED", means: "The NIC cannot be changed so.", fix: "read why" },
  OpenFilesError: { code: "OPEN_FILES", means: "The limit of open files is too low.", fix: "raise ulimit -n" },
  OptionError: { code: "OPTION_INVALID", means: "An option's value is not valid.", fix: "see the command's --help" },
  RootError: { code: "NEEDS_ROOT", means: "The command changes this machine, and only root may.", fix: "use sudo" },
  SandboxError: {
    code: "SANDBOX_FAILED",
    means: "A process cannot be isolated.",
    fix: "read which setting is missing",
  },
  SettingError: { code: "SETTING_INVALID", means: "A variable of the environment is not valid.", fix: "correct it" },
  TooLongError: {
    code: "API_ANSWER_TOO_LONG",
    means: "The API server sends more than is read of an answer.",
    fix: "name a namespace with -n, or one VM",
  },
  UnreadableAnswerError: {
    code: "API_ANSWER_UNREADABLE",
    means: "The API server's answer does not have the API's form.",
    fix: "see whether a proxy answers in its place: kubectl get --raw /version",
  },
  TeardownError: { code: "TEARDOWN_FAILED", means: "Something of a VM is not removed.", fix: "run netbind gc" },
  UntrustedDirectoryError: {
    code: "DIRECTORY_UNTRUSTED",
    means: "A directory of Netbind's is open to other users.",
    fix: "correct its owner and its mode",
  },
  VmExistsError: { code: "VM_EXISTS", means: "The VM runs already.", fix: "stop it, or give it another name" },
  VmNotFoundError: { code: "VM_NOT_FOUND", means: "There is no such VM.", fix: "netbind status lists all VMs" },
  VmNotInClusterError: {
    code: "CLUSTER_VM_MISSING",
    means: "The cluster has no such VM.",
    fix: "netbind status --cluster -A lists those that run; -n names another namespace",
  },
  VolumeError: { code: "VOLUME_UNUSABLE", means: "A volume of the VM cannot be used.", fix: "correct the volume" },
};

const FAILED = { code: "FAILED", means: "Something failed that has no code of its own.", fix: "read the message" };

/** The stable code of an error, for programs and for `netbind explain`. */
export function codeOfError(error: unknown): string {
  if (error instanceof BindingError) return error.code;
  return (error instanceof Error ? BY_NAME[error.name]?.code : undefined) ?? FAILED.code;
}

/** Every code that an error, or a finding of `netbind doctor`, may have. */
export const ERRORS_BY_CODE: ReadonlyMap<string, ErrorText> = new Map([
  ...Object.entries(CONTRACT),
  ...Object.entries(DOCTOR_CODES),
  ...[...Object.values(BY_NAME), FAILED].map(({ code, ...text }) => [code, text] as const),
]);

/** The names of the error classes that have a code. */
export const NAMED_ERRORS: readonly string[] = Object.keys(BY_NAME);
