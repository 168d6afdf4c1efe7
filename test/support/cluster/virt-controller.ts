/** Plays virt-controller for VMs: makes their launcher pods, and writes in VMI and pod what the agent goes by. */
import type { KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "@netbind/kubevirt";
import { annotationsOfRunningPod } from "@netbind/kubevirt/pod";
import { interfacesFromPod } from "@netbind/kubevirt/status";
import type { ApiServer } from "./api-server.ts";
import { type LauncherPodObject, launcherPodOf } from "./launcher-pod.ts";
import { rightsInForce } from "./rights-in-force.ts";
import { isReady, type Migration, type PodObject, type VmiObject, VmObjects, type Waiting } from "./vm-objects.ts";

/** The account that makes launcher pods: KubeVirt is in the namespace "default". */
export const VIRT_CONTROLLER = "system:serviceaccount:default:kubevirt-controller";

/** Lets accounts make pods in a namespace. */
export async function permitPods(api: ApiServer, namespace: string, ...users: readonly string[]): Promise<void> {
  const metadata = { name: "makes-pods", namespace };
  const apiGroup = "rbac.authorization.k8s.io";
  const type = (kind: string): object => ({ apiVersion: `${apiGroup}/v1`, kind, metadata });
  const subjects = users.map((name) => ({ apiGroup, kind: "User", name }));
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["create"] }];
  await api.apply(
    { ...type("Role"), rules },
    { ...type("RoleBinding"), roleRef: { apiGroup, kind: "Role", name: metadata.name }, subjects },
  );
  for (const user of users) await rightsInForce(api, { user, namespace }, rules);
}

/** The controller's settings. */
export interface VirtController {
  readonly api: ApiServer;
  readonly configuration: KubevirtConfiguration;
  readonly nads: readonly NetworkAttachmentDefinition[];
  /** The image of virt-launcher. */
  readonly image: string;
  /** How pods are waited for; absent: as for one alone. */
  readonly waiting?: Waiting;
  /** What becomes of a launcher pod before the API server is sent it; absent: nothing. */
  readonly change?: PodChange;
}

/** Makes another pod of a launcher pod. */
export type PodChange = (pod: LauncherPodObject) => LauncherPodObject;

/** A VM whose launcher pod runs. */
export interface ScheduledVm {
  readonly vmi: VmiObject;
  readonly pod: PodObject;
  readonly objects: VmObjects;
}

const UNPAUSED = { type: "kubevirt.io/virtual-machine-unpaused", status: "True", reason: "NotPaused" } as const;
const NODE_LABEL = "kubevirt.io/nodeName";
const TARGET_LABEL = "kubevirt.io/migrationTargetNodeName";
const NOT_RUNNING = { type: "Ready", status: "False", reason: "GuestNotRunning" } as const;
/** Seconds that a launcher has to shut its guest down. */
const GRACE = 35;

/** Makes a pod of the VM's, and waits until it has a node. */
async function bindPod(objects: VmObjects, object: object): Promise<PodObject> {
  const pod = await objects.createPod(object, VIRT_CONTROLLER);
  return objects.awaitPod(pod, ({ spec }) => spec.nodeName !== undefined);
}

/** Starts a VM, as far as it comes before virt-handler acts: its VMI is Scheduled then. */
export async function scheduleVm(
  { api, configuration, nads, image, waiting, change = (pod) => pod }: VirtController,
  asked: Vmi,
): Promise<ScheduledVm> {
  const objects = new VmObjects(api, asked.metadata, waiting);
  const vmi = await objects.makeVmi(asked);
  const bound = await bindPod(objects, change(launcherPodOf({ vmi, configuration, nads, image })));
  const { uid } = bound.metadata;
  const nodeName = bound.spec.nodeName ?? "";
  await objects.setPodCondition(bound, UNPAUSED);
  await objects.setPhase("Scheduling", { activePods: { [uid]: "" }, ...objects.withCondition(NOT_RUNNING) });
  await objects.patchVmi({ status: { activePods: { [uid]: nodeName } } });
  const pod = await objects.awaitPod(bound, isReady);
  const interfaces = interfacesFromPod(vmi, pod);
  const annotations = annotationsOfRunningPod({ ...vmi, status: { interfaces } }, configuration, pod);
  if (Object.keys(annotations).length > 0) await objects.patchPod(pod, { metadata: { annotations } });
  // One write, and the pod's own label some moments later.
  const labels = { [NODE_LABEL]: nodeName };
  await objects.setPhase("Scheduled", { nodeName, interfaces }, { labels });
  await objects.patchPod(pod, { metadata: { labels } });
  return { vmi, pod, objects };
}

/** Keeps the target of a migration off the nodes that have a pod of the VM's. */
const elsewhere = (uid: string): object => {
  const term = {
    labelSelector: { matchLabels: { "kubevirt.io/created-by": uid } },
    topologyKey: "kubernetes.io/hostname",
  };
  return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
};

/** Makes the pod that a VM is to migrate into, as far as virt-controller goes before virt-handler prepares it. */
export async function scheduleTarget(
  { configuration, nads, image }: VirtController,
  { objects, vmi, pod: source }: ScheduledVm,
  migration: Migration,
): Promise<ScheduledVm> {
  const { metadata, spec, ...object } = launcherPodOf({ vmi, configuration, nads, image });
  const own = { [NODE_LABEL]: source.spec.nodeName, "kubevirt.io/migrationJobUID": migration.uid };
  const target = {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...own },
      annotations: { ...metadata.annotations, "kubevirt.io/migrationJobName": migration.name },
    },
    spec: { ...spec, affinity: { ...spec.affinity, ...elsewhere(vmi.metadata.uid) } },
  };
  const bound = await bindPod(objects, target);
  const nodeName = bound.spec.nodeName ?? "";
  await objects.setMigrationPhase(migration, "Scheduling");
  await objects.patchVmi({ status: { activePods: { [bound.metadata.uid]: nodeName } } });
  const pod = await objects.awaitPod(bound, isReady);
  await objects.setMigrationPhase(migration, "Scheduled");
  const labels = { [TARGET_LABEL]: nodeName };
  const state = {
    ...{ migrationUid: migration.uid, sourceNode: source.spec.nodeName, sourcePod: source.metadata.name },
    ...{ targetNode: nodeName, targetPod: pod.metadata.name },
  };
  await objects.patchVmi({ metadata: { labels }, status: { migrationState: state } });
  await objects.setMigrationPhase(migration, "PreparingTarget");
  return { objects, vmi, pod };
}

/** What follows when virt-handler says that the guest has moved. */
export async function finishMigration({ objects, pod }: ScheduledVm, migration: Migration): Promise<void> {
  await objects.setPodCondition(pod, UNPAUSED);
  await objects.patchVmi({ status: { migrationState: { completed: true } } });
  await objects.patchPod(pod, { metadata: { labels: { [NODE_LABEL]: pod.spec.nodeName } } });
  await objects.setMigrationPhase(migration, "Succeeded");
  await objects.patchVmi({ metadata: { labels: { [TARGET_LABEL]: null } } });
}

/** What follows when virt-handler says that the guest runs. */
export const reportReady = ({ objects }: ScheduledVm): Promise<unknown> =>
  objects.setCondition({ type: "Ready", status: "True" });

/** Deletes a VM as far as virt-controller does before virt-handler acts: its pod is asked to end. */
export async function beginDeletion({ objects, pod }: ScheduledVm): Promise<void> {
  await objects.deleteVmi();
  await objects.deletePod(pod, GRACE);
  await objects.setCondition({ type: "Ready", status: "False", reason: "PodTerminating" });
}

/** Waits until the kubelet has removed the pod, and lets the VMI go with it. */
export async function finishDeletion({ objects, pod }: ScheduledVm): Promise<void> {
  await objects.awaitPodGone(pod);
  await objects.releaseVmi();
}
