/** A test cluster with the product installed: sidecars' images by digest, the agent as the chart has it, KubeVirt played. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BindingRegistration, KubevirtConfiguration, NetworkAttachmentDefinition, Vmi } from "@netbind/kubevirt";
import { BuiltImages } from "../kube/built-images.ts";
import { installAgent } from "./agent-objects.ts";
import { type ChartValues, imageValues } from "./chart.ts";
import { ApiServer } from "./api-server.ts";
import { downCluster, rebootNode, upOwnCluster } from "./cluster.ts";
import { ClusterDirectory } from "./cluster-directory.ts";
import { ClusterGuest } from "./cluster-guest.ts";
import { InNode } from "./in-node.ts";
import { defaultRelease } from "./kubernetes.ts";
import { applyCrds } from "./kubevirt-crds.ts";
import { writeLauncherImage } from "./launcher-image.ts";
import { allowMultus } from "./multus.ts";
import { nodeName } from "./node-plan.ts";
import { pushImage } from "./registry.ts";
import { moveGuest, prepareTarget } from "./migration.ts";
import {
  beginDeletion,
  finishDeletion,
  finishMigration,
  permitPods,
  reportReady,
  type ScheduledVm,
  scheduleTarget,
  scheduleVm,
  VIRT_CONTROLLER,
  type VirtController,
} from "./virt-controller.ts";
import { prepareNode } from "./virt-handler.ts";

/** What an administrator registers of each binding, beside its image. */
const REGISTRATIONS = {
  bridge: { domainAttachmentType: "tap" },
  masquerade: { domainAttachmentType: "tap", migration: {} },
  passt: { migration: {}, computeResourceOverhead: { requests: { memory: "250Mi" } } },
  slirp: {},
} as const satisfies Readonly<Record<string, Partial<BindingRegistration>>>;
/** A binding that has a sidecar. */
export type SidecarBinding = keyof typeof REGISTRATIONS;

/** What a cluster is to have. */
export interface VmClusterSettings {
  /** What it is for: a part of its name. */
  readonly purpose: string;
  readonly bindings: readonly SidecarBinding[];
  readonly nodes: number;
  /** True where VMs have networks that multus attaches. */
  readonly multus?: boolean;
  /** True where the test installs the chart: nothing is registered, and there is no agent. */
  readonly isBare?: boolean;
}

/** A VM that runs in a pod of a node. */
export interface ClusterVm {
  readonly scheduled: ScheduledVm;
  readonly guest: ClusterGuest;
  readonly node: InNode;
  /** What its launcher asked its hooks, and heard. */
  readonly events: Awaited<ReturnType<ClusterGuest["boot"]>>;
}

/** Builds the images, and puts them into the cluster's registry. Gives their names by digest. */
async function pushImages(
  directory: ClusterDirectory,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const out = mkdtempSync(join(tmpdir(), "netbind-vm-cluster-"));
  try {
    using images = await BuiltImages.build(names, out);
    const pushed: Record<string, string> = {};
    for (const name of names) pushed[name] = await pushImage(directory, `oci:${images.out}:${name}`, name);
    return pushed;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Where the KubeVirt CR is. */
const KUBEVIRT = { name: "kubevirt", namespace: "default" } as const;
const KUBEVIRT_PATH = `/apis/kubevirt.io/v1/namespaces/${KUBEVIRT.namespace}/kubevirts/${KUBEVIRT.name}`;

/** A KubeVirt CR, as far as tests compare it. */
export interface KubevirtObject {
  readonly metadata: { readonly managedFields: readonly { readonly manager: string }[] };
  readonly spec: { readonly configuration: KubevirtConfiguration };
}

export class VmCluster implements AsyncDisposable {
  readonly directory: ClusterDirectory;
  readonly api: ApiServer;
  /** The images that were pushed, by digest. */
  readonly images: Readonly<Record<string, string>>;
  readonly #nodes: Record<string, InNode>;
  #controller: VirtController;

  private constructor(
    { directory, images }: Pick<VmCluster, "directory" | "images">,
    nodes: number,
    controller: VirtController,
  ) {
    this.directory = directory;
    this.images = images;
    this.api = controller.api;
    this.#controller = controller;
    this.#nodes = Object.fromEntries(
      Array.from({ length: nodes }, (_, at) => [nodeName(at + 1), new InNode(directory, at + 1)]),
    );
  }

  /** Brings one up for this process. */
  static async up(settings: VmClusterSettings): Promise<VmCluster> {
    const { purpose, bindings, nodes, multus = false, isBare = false } = settings;
    const directory = new ClusterDirectory(`${purpose}-${process.pid}`);
    await upOwnCluster(directory, { release: defaultRelease(), nodes, multus });
    const images = await pushImages(directory, [...bindings, "agent", ...(isBare ? ["controller"] : [])]);
    const sidecars = bindings.map((name) => [name, { sidecarImage: images[name] ?? "", ...REGISTRATIONS[name] }]);
    const configuration: KubevirtConfiguration = {
      // No injector of networks' devices runs here.
      developerConfiguration: { useEmulation: true, disabledFeatureGates: ["ExternalNetResourceInjection"] },
      ...(isBare
        ? {}
        : { network: { binding: { ...Object.fromEntries(sidecars), macvtap: { domainAttachmentType: "tap" } } } }),
    };
    const api = new ApiServer(directory);
    if (multus) await allowMultus(api);
    const image = await pushImage(directory, `docker-archive:${await writeLauncherImage()}`, "launcher");
    const cluster = new VmCluster({ directory, images }, nodes, { api, configuration, nads: [], image });
    await cluster.#prepare();
    if (!isBare) await installAgent(api, images["agent"] ?? "");
    return cluster;
  }

  async #prepare(): Promise<void> {
    await applyCrds(this.api);
    await permitPods(this.api, KUBEVIRT.namespace, VIRT_CONTROLLER);
    for (const [at, node] of Object.values(this.#nodes).entries()) await prepareNode(this.api, at + 1, node);
    await this.#configure(this.#controller.configuration);
  }

  /** The KubeVirt CR as it is; from now on VMs are made by it. */
  async readKubevirt(): Promise<KubevirtObject> {
    const read = await this.api.request<KubevirtObject>({ path: KUBEVIRT_PATH });
    this.#controller = { ...this.#controller, configuration: read.spec.configuration };
    return read;
  }

  /** Values of the chart: the images of this cluster's registry, and the namespace of its KubeVirt CR. */
  get chartValues(): ChartValues {
    const images = Object.entries(this.images).map(([name, image]) => [name, imageValues(image)] as const);
    return { images: Object.fromEntries(images), kubevirt: { namespace: KUBEVIRT.namespace } };
  }

  /** A node, by its name. */
  node(name: string): InNode {
    const node = this.#nodes[name];
    if (node === undefined) throw new Error(`the cluster "${this.directory.name}" has no node "${name}"`);
    return node;
  }

  /** Reboots a node, and prepares it as virt-handler does. What was asked of it before is to be asked of {@link node} again. */
  async reboot(number: number): Promise<void> {
    await rebootNode(this.directory, number);
    const node = new InNode(this.directory, number);
    this.#nodes[nodeName(number)] = node;
    await prepareNode(this.api, number, node);
  }

  /** Registers a further binding in the KubeVirt CR, with the image of one that is there. */
  async register(name: string, like: SidecarBinding): Promise<void> {
    const { configuration } = this.#controller;
    const known = configuration.network?.binding ?? {};
    const binding = { ...known, [name]: known[like] ?? {} };
    await this.#configure({ ...configuration, network: { ...configuration.network, binding } });
  }

  async #configure(configuration: KubevirtConfiguration): Promise<void> {
    this.#controller = { ...this.#controller, configuration };
    const kubevirt = { apiVersion: "kubevirt.io/v1", kind: "KubeVirt", metadata: KUBEVIRT };
    await this.api.apply({ ...kubevirt, spec: { configuration } });
  }

  /** Makes a network that multus attaches pods to. */
  async addNetwork(nad: NetworkAttachmentDefinition): Promise<void> {
    await this.api.apply({ apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition", ...nad });
    this.#controller = { ...this.#controller, nads: [...this.#controller.nads, nad] };
  }

  /** Makes a VM's pod, and waits until it runs. */
  schedule(vmi: Vmi, how: Pick<VirtController, "waiting" | "change"> = {}): Promise<ScheduledVm> {
    return scheduleVm({ ...this.#controller, ...how }, vmi);
  }

  /** Starts a VM, and waits until its guest is started. */
  async start(vmi: Vmi): Promise<ClusterVm> {
    return this.boot(await this.schedule(vmi));
  }

  /** Starts the guest of a VM whose pod runs. */
  async boot(scheduled: ScheduledVm): Promise<ClusterVm> {
    const node = this.node(scheduled.pod.spec.nodeName ?? "");
    const guest = new ClusterGuest(node, scheduled);
    const events = await guest.boot(this.#controller.configuration);
    await reportReady(scheduled);
    return { scheduled, guest, node, events };
  }

  /** Migrates a VM to another node. Gives it as it runs there, and what its next launcher asked its hooks. */
  async migrate(vm: ClusterVm): Promise<ClusterVm> {
    const { configuration } = this.#controller;
    const { objects, vmi } = vm.scheduled;
    const migration = await objects.makeMigration(`${vmi.metadata.name}-1`);
    const scheduled = await scheduleTarget(this.#controller, vm.scheduled, migration);
    const node = this.node(scheduled.pod.spec.nodeName ?? "");
    const guest = new ClusterGuest(node, scheduled);
    const events = await prepareTarget(scheduled, guest, configuration, migration);
    await moveGuest(scheduled, [vm.guest.launcher, guest.launcher], migration);
    await finishMigration(scheduled, migration);
    return { scheduled, guest, node, events };
  }

  /** Deletes a VM that runs, and waits until its pod and its VMI are gone. */
  async delete({ scheduled, guest }: ClusterVm): Promise<void> {
    await beginDeletion(scheduled);
    await guest.end();
    await finishDeletion(scheduled);
  }

  /** Deletes a VM whose guest does not run any more. */
  async remove(scheduled: ScheduledVm): Promise<void> {
    await beginDeletion(scheduled);
    await finishDeletion(scheduled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await downCluster(this.directory);
  }
}
