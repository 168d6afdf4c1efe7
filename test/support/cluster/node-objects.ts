/** Objects of a node that no kubelet plays: launcher pods bound to it, and their VMIs, as an API server takes them. */
import type { ApiServer } from "./api-server.ts";
import { launcherPod, type PodNic, vmiObject } from "../kube/kube-objects.ts";

interface Made {
  readonly metadata: { readonly name: string; readonly uid: string };
}

const VMI_PATH = (namespace: string): string => `/apis/kubevirt.io/v1/namespaces/${namespace}/virtualmachineinstances`;
/** The NICs of every VM here. */
export const LAUNCHER_NICS: readonly PodNic[] = [{ name: "red", binding: "masquerade" }];

interface Container {
  readonly name: string;
  readonly env?: readonly object[];
  readonly volumeMounts?: readonly { readonly name: string }[];
}
interface PodSpec {
  readonly containers: readonly Container[];
}

/** Of a pod's containers what tells which are sidecars of bindings, with the volume of their sockets. */
function withSockets({ containers }: PodSpec): object {
  const name = "hook-sidecar-sockets";
  return {
    containers: containers.map((container) => ({
      ...{ name: container.name, image: "localhost/none", env: container.env ?? [] },
      volumeMounts: (container.volumeMounts ?? []).filter((mount) => mount.name === name),
    })),
    volumes: [{ name, emptyDir: {} }],
  };
}

/** The launcher pod of a VM, `vmi` being its UID, on a node that runs nothing. */
export function launcherOf({ vm, vmi, node }: { readonly vm: string; readonly vmi: string; readonly node: string }): {
  readonly metadata: object;
  readonly spec: object;
} {
  const pod = launcherPod({ uid: "", name: `virt-launcher-${vm}`, vm, node, nics: LAUNCHER_NICS });
  const { labels, annotations, name } = pod["metadata"] as Record<string, object>;
  const owner = { apiVersion: "kubevirt.io/v1", kind: "VirtualMachineInstance", name: vm, uid: vmi, controller: true };
  return {
    metadata: { name, labels, annotations, ownerReferences: [owner] },
    spec: { nodeName: node, ...withSockets(pod["spec"] as PodSpec) },
  };
}

/** A namespace with VMIs and pods for one node. */
export class NodeObjects {
  readonly #api: ApiServer;
  readonly namespace: string;
  readonly node: string;

  constructor(api: ApiServer, namespace: string, node = `node-${namespace}`) {
    this.#api = api;
    this.namespace = namespace;
    this.node = node;
  }

  async makeVmi(name: string, nics = LAUNCHER_NICS): Promise<string> {
    const body = { ...vmiObject(name, nics), metadata: { name } };
    const made = await this.#api.request<Made>({ method: "POST", path: VMI_PATH(this.namespace), body });
    return made.metadata.uid;
  }

  /** Makes a VMI that has no pod. Gives its UID. */
  async makePendingVmi(name: string, nics = LAUNCHER_NICS): Promise<string> {
    const uid = await this.makeVmi(name, nics);
    await this.patchVmi(name, { status: { phase: "Pending" } });
    return uid;
  }

  /** Changes a VMI by a merge patch. KubeVirt's has no status of its own. */
  async patchVmi(name: string, body: object): Promise<void> {
    await this.#api.request({ method: "PATCH", path: `${VMI_PATH(this.namespace)}/${name}`, body });
  }

  async deleteVmi(name: string): Promise<void> {
    await this.#api.request({ method: "DELETE", path: `${VMI_PATH(this.namespace)}/${name}` });
  }

  /** A pod that a VMI controls, by what its owner reference says. Gives its UID. */
  async bindPod(vm: string, vmi: string, more: object = {}): Promise<string> {
    const { metadata, spec } = launcherOf({ vm, vmi, node: this.node });
    const path = `/api/v1/namespaces/${this.namespace}/pods`;
    const body = { metadata, spec: { ...spec, ...more } };
    const made = await this.#api.request<Made>({ method: "POST", path, body });
    return made.metadata.uid;
  }

  async deletePod(vm: string): Promise<void> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/virt-launcher-${vm}?gracePeriodSeconds=0`;
    await this.#api.request({ method: "DELETE", path });
  }
}
