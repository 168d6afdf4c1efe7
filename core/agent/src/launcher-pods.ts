import { type Attachment, defined } from "@netbind/contract";
import { type BindingRegistration, isWrittenOnTap, registrationOf } from "@netbind/kubevirt";
import { bindingOfSidecar } from "@netbind/kubevirt/pod";
import type { ClusterSnapshot, KubePod, KubeVmi } from "@netbind/kube";
import type { AgentReason } from "./event-reasons.ts";

/** KubeVirt's user in a launcher pod, and ours in its sidecars. */
export const LAUNCHER_UID = 107;
const LABEL = "kubevirt.io";
const LAUNCHER = "virt-launcher";
const SOCKETS = "hook-sidecar-sockets";

/** A sidecar of a launcher pod that serves a binding. */
export interface PodSidecar {
  readonly container: string;
  /** The sidecar's directory in the pod's volume of hook sockets. */
  readonly directory: string;
  /** The name that the binding is registered under. */
  readonly binding: string;
  /** True where KubeVirt itself writes the NIC, on the tap that the agent makes: `domainAttachmentType: tap`. */
  readonly onTap: boolean;
  /** What the KubeVirt CR says of the binding; absent where it says nothing any more. */
  readonly registration?: BindingRegistration;
}

/** Why the agent does not act on a pod. */
export interface Refusal {
  readonly reason: Extract<
    AgentReason,
    "POD_NOT_ACTIVE" | "POD_NOT_CONTROLLED" | "POD_ON_HOST_NETWORK" | "POD_USER" | "VMI_MISSING"
  >;
  readonly message: string;
  /** True for a state that every pod is in for a moment: its VMI is not listed yet, or does not list the pod yet. */
  readonly early: boolean;
}

/** A launcher pod of this node with sidecars of bindings. */
export interface LauncherPod {
  readonly pod: KubePod;
  readonly sidecars: readonly PodSidecar[];
  /** Absent where no VMI of the cluster controls the pod. */
  readonly vmi?: KubeVmi;
  /** Empty: the agent may act. */
  readonly distrust: readonly Refusal[];
}

/** True for a pod that is being deleted: its containers end, and nothing that is missing comes any more. */
export const isEnding = ({ metadata }: KubePod): boolean => metadata.deletionTimestamp !== undefined;

/** True for a pod that has ended, whatever is still listed of it. */
export const isOver = ({ status }: KubePod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

/** A sidecar, with what is registered of its binding. */
function sidecarOf(
  container: string,
  directory: string,
  binding: string,
  { configuration }: ClusterSnapshot,
): PodSidecar {
  const registration = registrationOf(configuration, binding);
  const onTap = isWrittenOnTap(registration?.domainAttachmentType);
  return defined({ container, directory, binding, onTap, registration });
}

function sidecarsOf(pod: KubePod, snapshot: ClusterSnapshot): readonly PodSidecar[] {
  return pod.spec.containers.flatMap((container) => {
    const directory = container.volumeMounts?.find(({ name, subPath }) => name === SOCKETS && subPath)?.subPath;
    const binding = bindingOfSidecar(container, snapshot.configuration);
    // The directory is one name: KubeVirt gives each sidecar its container's.
    return directory === undefined || !/^[a-z0-9-]{1,63}$/.test(directory) || binding === undefined
      ? []
      : [sidecarOf(container.name, directory, binding, snapshot)];
  });
}

/** All that speaks against acting on a pod: who controls it, whose it is, and what it may reach. */
function distrust(pod: KubePod, vmi: KubeVmi | undefined, node: string): readonly Refusal[] {
  const { uid } = pod.metadata;
  const found: Refusal[] = [];
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner?.kind !== "VirtualMachineInstance") {
    found.push({
      reason: "POD_NOT_CONTROLLED",
      message: `the pod is controlled by ${owner === undefined ? "no object" : owner.kind}, not by a VMI`,
      early: false,
    });
  } else if (vmi === undefined) {
    found.push({
      reason: "VMI_MISSING",
      message: `the cluster has no VMI "${owner.name}" with uid ${owner.uid} in namespace "${pod.metadata.namespace}"`,
      early: true,
    });
  } else if (vmi.status?.activePods?.[uid] !== node) {
    found.push({
      // Another node's name is not on its way to becoming this one's.
      early: !vmi.status?.activePods?.[uid],
      reason: "POD_NOT_ACTIVE",
      message: `status.activePods of VMI "${vmi.metadata.name}" does not list pod ${uid} on node "${node}"`,
    });
  }
  if (pod.spec.hostNetwork === true)
    found.push({ reason: "POD_ON_HOST_NETWORK", message: "the pod uses the network of its node", early: false });
  // A mesh's proxy has a user of its own, and nothing to do with sidecars.
  const concerned = pod.spec.containers.filter(
    ({ volumeMounts }) => volumeMounts?.some(({ name }) => name === SOCKETS) === true,
  );
  const users = concerned.map(
    ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? 0,
  );
  const other = users.find((user) => user !== LAUNCHER_UID);
  if (other !== undefined)
    found.push({
      reason: "POD_USER",
      message: `the pod runs as uid ${other}, and only pods of uid ${LAUNCHER_UID} are attached`,
      early: false,
    });
  return found;
}

const vmiOf = (pod: KubePod, { vmis }: ClusterSnapshot): KubeVmi | undefined => {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  return vmis.find(
    ({ metadata }) =>
      metadata.namespace === pod.metadata.namespace && metadata.name === owner?.name && metadata.uid === owner.uid,
  );
};

/** The launcher pods of a node that have sidecars of bindings, and whether the agent may act on each. */
export function findLauncherPods(snapshot: ClusterSnapshot, node: string): readonly LauncherPod[] {
  return snapshot.pods
    .filter((pod) => pod.spec.nodeName === node && pod.metadata.labels?.[LABEL] === LAUNCHER && !isOver(pod))
    .flatMap((pod) => {
      const sidecars = sidecarsOf(pod, snapshot);
      const vmi = vmiOf(pod, snapshot);
      return sidecars.length === 0 ? [] : [defined({ pod, sidecars, vmi, distrust: distrust(pod, vmi, node) })];
    });
}

/** Why a pod is attached: its VM boots in it, or migrates into it. */
export function causeOf(pod: KubePod, { status }: KubeVmi): Attachment["cause"] {
  const { targetPod, sourcePod, completed } = status?.migrationState ?? {};
  return targetPod === pod.metadata.name && sourcePod !== targetPod && completed !== true ? "migrationTarget" : "boot";
}
