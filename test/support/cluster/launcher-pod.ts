/** Launcher pods as virt-controller makes them: what networking has a say in by the product's renderer, the rest here. */
import { defined } from "@netbind/contract";
import { mergeNeeds } from "@netbind/engine";
import {
  type KubevirtConfiguration,
  type NetworkAttachmentDefinition,
  NEWEST_KUBEVIRT,
  parseQuantity,
  type Vmi,
} from "@netbind/kubevirt";
import { memoryOverheadBytes, pluginSidecars, renderPod } from "@netbind/kubevirt/pod";

/** What a pod is made for. */
export interface LauncherPodInput {
  readonly vmi: Vmi & { readonly metadata: { readonly uid: string } };
  readonly configuration: KubevirtConfiguration;
  readonly nads: readonly NetworkAttachmentDefinition[];
  /** The image of virt-launcher. */
  readonly image: string;
}

const MEBIBYTE = 1024n * 1024n;
/** What a launcher costs beside its guest's memory with one virtual processor. */
const LAUNCHER_BYTES = 288n * MEBIBYTE;
/** Added for a guest with processors of its own. */
const DEDICATED_BYTES = 100n * MEBIBYTE;
/** A guest's page tables, as a part of its memory. */
const PAGE_TABLES = 512n;

const PRIVATE = "/var/run/kubevirt-private";
const XDG = { XDG_CACHE_HOME: PRIVATE, XDG_CONFIG_HOME: PRIVATE, XDG_RUNTIME_DIR: "/var/run" };
/** Directories of the compute container, by the names of their volumes. */
const MOUNTS = {
  private: PRIVATE,
  public: "/var/run/kubevirt",
  "ephemeral-disks": "/var/run/kubevirt-ephemeral-disks",
  "libvirt-runtime": "/var/run/libvirt",
  sockets: "/var/run/kubevirt/sockets",
} as const;
const VOLUMES = ["private", "public", "sockets", "virt-bin-share-dir", "libvirt-runtime", "ephemeral-disks"];
const USER = { runAsUser: 107, runAsNonRoot: true };
const NO_PRIVILEGE = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };

type Quantities = Readonly<Record<string, string | number>>;
/** A container of a launcher pod, as far as it is read here. */
export interface LauncherContainer {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly volumeMounts?: readonly object[];
  readonly resources?: { readonly requests?: object; readonly limits?: object };
}

const isDedicated = (vmi: Vmi): boolean => vmi.spec.domain.cpu?.dedicatedCpuPlacement === true;

function guestBytes({ spec }: Vmi): bigint {
  const { memory, resources } = spec.domain;
  return parseQuantity(String(memory?.guest ?? resources?.requests?.["memory"] ?? "0")) ?? 0n;
}

function overheadBytes({ vmi, configuration }: LauncherPodInput): bigint {
  const fixed = LAUNCHER_BYTES + (isDedicated(vmi) ? DEDICATED_BYTES : 0n);
  return fixed + guestBytes(vmi) / PAGE_TABLES + memoryOverheadBytes(vmi, configuration);
}

/** The commands that a backup runs in the pod, which every VM has. */
function backupAnnotations({ metadata: { name, namespace } }: Vmi): Readonly<Record<string, string>> {
  const command = (verb: string): string =>
    `["/usr/bin/virt-freezer", "--${verb}", "--name", "${name}", "--namespace", "${namespace}"]`;
  return {
    "pre.hook.backup.velero.io/command": command("freeze"),
    "pre.hook.backup.velero.io/container": "compute",
    "pre.hook.backup.velero.io/timeout": "60s",
    "post.hook.backup.velero.io/command": command("unfreeze"),
    "post.hook.backup.velero.io/container": "compute",
  };
}

function metadataOf(input: LauncherPodInput): { readonly labels: object; readonly annotations: object } {
  const { name, uid } = input.vmi.metadata;
  return {
    labels: { "kubevirt.io/created-by": uid, "vm.kubevirt.io/name": name, "vmi.kubevirt.io/id": name },
    annotations: {
      "descheduler.alpha.kubernetes.io/request-evict-only": "",
      "kubectl.kubernetes.io/default-container": "compute",
      "kubevirt.io/domain": name,
      "kubevirt.io/memory-overhead-bytes": String(overheadBytes(input)),
      "kubevirt.io/migrationTransportUnix": "true",
      "kubevirt.io/pci-topology-version": "v3",
      ...backupAnnotations(input.vmi),
    },
  };
}

/** What a container beside the launcher gets; all of it at once in a pod whose containers must have limits. */
const beside = (vmi: Vmi, requests: Quantities, limits: Quantities): Required<LauncherContainer>["resources"] => ({
  requests: { ...requests, ...(isDedicated(vmi) ? limits : {}) },
  limits,
});

/** What a container of a pod is told of its VM. */
function launcherArgs({ metadata: { name, namespace, uid } }: LauncherPodInput["vmi"]): readonly string[] {
  return [
    ...["--qemu-timeout", "286s", "--name", name, "--uid", uid, "--namespace", namespace],
    ...["--kubevirt-share-dir", "/var/run/kubevirt", "--ephemeral-disk-dir", "/var/run/kubevirt-ephemeral-disks"],
    ...["--container-disk-dir", "/var/run/kubevirt/container-disks", "--grace-period-seconds", "45"],
  ];
}

const MORE_ARGS = [
  ...["--ovmf-path", "/usr/share/edk2/ovmf", "--disk-memory-limit", "2097152000", "--hypervisor", "kvm"],
  ...["--run-as-nonroot", "--image-volume", "--upgrade-ordinal-ifaces"],
];

/** With all else that Kubernetes has for it. */
type WholeContainer = LauncherContainer & Readonly<Record<string, unknown>>;

function computePart(input: LauncherPodInput, rendered: LauncherContainer): WholeContainer {
  const { vmi, configuration, image } = input;
  const { requests = {}, limits = {} } = vmi.spec.domain.resources ?? {};
  const memory = `${(guestBytes(vmi) + overheadBytes(input)) / 1024n}Ki`;
  const cpu = defined({ cpu: isDedicated(vmi) ? String(requests["cpu"] ?? limits["cpu"]) : undefined });
  const emulates = configuration.developerConfiguration?.useEmulation === true;
  return {
    ...rendered,
    image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/bin/virt-launcher-monitor"],
    args: [...launcherArgs(vmi), ...(rendered.args ?? []), ...MORE_ARGS, ...(emulates ? ["--allow-emulation"] : [])],
    env: [
      ...Object.entries(XDG).map(([name, value]) => ({ name, value })),
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    resources: {
      limits: { ...rendered.resources?.limits, ...(isDedicated(vmi) ? { ...cpu, memory } : {}) },
      requests: {
        ...rendered.resources?.requests,
        ...{ cpu: "100m", "ephemeral-storage": "50M", memory, ...cpu },
      },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      ...Object.entries(MOUNTS).map(([name, mountPath]) => ({ name, mountPath })),
      ...(rendered.volumeMounts ?? []),
      { name: "hotplug-disks", mountPath: "/var/run/kubevirt/hotplug-disks", mountPropagation: "HostToContainer" },
    ],
  };
}

/** Prints what the guest says at its serial port. */
const consoleContainer = ({ vmi, image }: LauncherPodInput): WholeContainer => ({
  name: "guest-console-log",
  image,
  imagePullPolicy: "IfNotPresent",
  restartPolicy: "Always",
  command: ["/usr/bin/virt-tail"],
  args: ["--logfile", `${PRIVATE}/${vmi.metadata.uid}/virt-serial0-log`],
  env: [{ name: "VIRT_LAUNCHER_LOG_VERBOSITY", value: "2" }],
  resources: beside(vmi, { cpu: "5m", memory: "35M" }, { cpu: "15m", memory: "60M" }),
  securityContext: { ...USER, ...NO_PRIVILEGE },
  volumeMounts: [{ name: "private", mountPath: PRIVATE, readOnly: true }],
});

/** Has the image of each container disk pulled before the pod starts. */
const diskContainers = ({ vmi }: LauncherPodInput): readonly WholeContainer[] =>
  (vmi.spec.volumes ?? []).flatMap(({ name, containerDisk }) =>
    containerDisk === undefined
      ? []
      : [
          {
            name: `volume${name}`,
            image: containerDisk.image,
            imagePullPolicy: "IfNotPresent",
            command: ["/container-disk-binary/usr/bin/container-disk"],
            args: ["--no-op"],
            resources: beside(
              vmi,
              { cpu: "1m", memory: "1M", "ephemeral-storage": "50M" },
              { cpu: "10m", memory: "40M" },
            ),
            securityContext: { ...USER, ...NO_PRIVILEGE },
          },
        ],
  );

function specPart(input: LauncherPodInput): Omit<LauncherPodObject["spec"], "containers"> & Record<string, unknown> {
  const { vmi } = input;
  const expression = { key: "node-labeller.kubevirt.io/obsolete-host-model", operator: "DoesNotExist" };
  const required = { nodeSelectorTerms: [{ matchExpressions: [expression] }] };
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    enableServiceLinks: false,
    hostname: vmi.metadata.name,
    initContainers: [consoleContainer(input), ...diskContainers(input)],
    nodeSelector: {
      "kubernetes.io/arch": "amd64",
      "kubevirt.io/schedulable": "true",
      "machine-type.node.kubevirt.io/q35": "true",
      ...(isDedicated(vmi) ? { "kubevirt.io/cpumanager": "true" } : {}),
    },
    readinessGates: [{ conditionType: "kubevirt.io/virtual-machine-unpaused" }],
    restartPolicy: "Never",
    securityContext: { fsGroup: 107, runAsGroup: 107, ...USER },
    terminationGracePeriodSeconds: 60,
  };
}

/** A sidecar of a plugin has no policy of its own for its image, and an empty entry where it has no limits. */
const sidecarPart = (rendered: LauncherContainer): WholeContainer => ({
  imagePullPolicy: "IfNotPresent",
  terminationMessagePolicy: "FallbackToLogsOnError",
  ...rendered,
});

/** A pod that the API server is sent. */
export interface LauncherPodObject {
  readonly metadata: { readonly labels: object; readonly annotations: object };
  readonly spec: {
    readonly affinity: object;
    readonly containers: readonly LauncherContainer[];
    readonly initContainers: readonly LauncherContainer[];
  };
}

/** The whole pod, as virt-controller sends it to the API server. @throws Error for a VM with huge pages, which no node here has */
export function launcherPodOf(input: LauncherPodInput): LauncherPodObject {
  const { vmi, configuration, nads } = input;
  if ("hugepages" in (vmi.spec.domain.memory ?? {})) throw new Error("no node of a test cluster has huge pages");
  const { metadata, spec } = renderPod({
    ...{ vmi, configuration, nads, version: NEWEST_KUBEVIRT, needs: mergeNeeds([]) },
    sidecars: pluginSidecars(vmi, configuration, { policy: "Never", table: {} }).sidecars,
  });
  const { labels, annotations } = metadataOf(input);
  const owner = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", name: vmi.metadata.name };
  const [compute, ...sidecars] = spec.containers;
  if (compute === undefined) throw new Error("a launcher pod has no container");
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...labels },
      annotations: { ...annotations, ...metadata.annotations },
      ownerReferences: [{ ...owner, uid: vmi.metadata.uid, blockOwnerDeletion: true, controller: true }],
    },
    spec: {
      ...spec,
      ...specPart(input),
      containers: [computePart(input, compute), ...sidecars.map(sidecarPart)],
      volumes: [...[...VOLUMES, "hotplug-disks"].map((name) => ({ name, emptyDir: {} })), ...spec.volumes],
    },
  };
  return pod;
}
