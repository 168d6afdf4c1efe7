/** Plays virt-controller for one VM: makes its launcher pod, and writes in VMI and pod what the agent goes by. */
import type { KubevirtConfiguration, Vmi } from "@netbind/kubevirt";
import { waitUntil } from "@netbind/netns";
import type { ApiServer } from "./api-server.ts";
import { launcherPodOf } from "./launcher-pod.ts";

/** What of a pod is read here. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly containerID?: string;
    }[];
  };
}
type VmiObject = Vmi & { readonly metadata: { readonly uid: string } };

const IN_TIME = 90_000;
const UNPAUSED = "kubevirt.io/virtual-machine-unpaused";
const podPath = (namespace: string, name: string): string => `/api/v1/namespaces/${namespace}/pods/${name}`;
const vmisPath = (namespace: string): string => `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;

/** The controller's settings. */
export interface VirtController {
  readonly api: ApiServer;
  readonly configuration: KubevirtConfiguration;
  /** The image of virt-launcher. */
  readonly image: string;
}

/** Asks for a pod until it is as it should be. @throws Error with what it is, where that takes too long */
export async function awaitPod(
  api: ApiServer,
  { metadata: { namespace, name } }: PodObject,
  isSo: (pod: PodObject) => boolean,
): Promise<PodObject> {
  let pod = await api.request<PodObject>({ path: podPath(namespace, name) });
  const ask = async (): Promise<boolean> => {
    pod = await api.request<PodObject>({ path: podPath(namespace, name) });
    return isSo(pod);
  };
  if (isSo(pod) || (await waitUntil(ask, IN_TIME, 50))) return pod;
  throw new Error(
    `the pod ${name} is not as it should be:\n${await api.kubectl(["describe", "pod", "-n", namespace, name])}`,
  );
}

const hasAllReady = ({ status: { phase, containerStatuses = [] } }: PodObject): boolean =>
  phase === "Running" && containerStatuses.length > 0 && containerStatuses.every(({ ready }) => ready);

/** Starts a VM, as far as it comes before virt-handler acts: its VMI is Scheduled then. Gives its pod. */
export async function scheduleVm({ api, configuration, image }: VirtController, asked: Vmi): Promise<PodObject> {
  const { namespace, name } = asked.metadata;
  const body = { ...asked, status: { phase: "Pending" } };
  const vmi = await api.request<VmiObject>({ method: "POST", path: vmisPath(namespace), body });
  const patchVmi = (change: object): Promise<unknown> =>
    api.request({ method: "PATCH", path: `${vmisPath(namespace)}/${name}`, body: change });
  const object = launcherPodOf({ vmi, configuration, nads: [], image });
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const made = await api.request<PodObject>({ method: "POST", path, body: object });
  const { uid } = made.metadata;
  const { spec } = await awaitPod(api, made, (pod) => pod.spec.nodeName !== undefined);
  const nodeName = spec.nodeName ?? "";
  const own = podPath(namespace, made.metadata.name);
  const condition = { type: UNPAUSED, status: "True", reason: "NotPaused" };
  const contentType = "application/strategic-merge-patch+json";
  const gate = { status: { conditions: [condition] } };
  await api.request({ method: "PATCH", path: `${own}/status`, body: gate, contentType });
  await patchVmi({ status: { phase: "Scheduling", activePods: { [uid]: nodeName } } });
  const running = await awaitPod(api, made, hasAllReady);
  // One write, and the pod's own label some moments later.
  const interfaces = [{ name: vmi.spec.networks?.[0]?.name, podInterfaceName: "eth0" }];
  const labels = { "kubevirt.io/nodeName": nodeName };
  await patchVmi({ metadata: { labels }, status: { phase: "Scheduled", nodeName, interfaces } });
  await api.request({ method: "PATCH", path: own, body: { metadata: { labels } } });
  return running;
}
