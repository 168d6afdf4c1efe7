/** A real API server with a cluster in which Netbind works, to be broken and made whole again. */
import { rotate } from "@netbind/controller";
import type { ApiServer } from "../api-server.ts";
import { ApiError } from "../api-server.ts";
import { applyCrds } from "../kubevirt-crds.ts";
import { applyNetworkBindingCrd } from "../network-binding-crd.ts";
import { type KubeObject, pathOfObject, removeObject, writeObject } from "../write-object.ts";
import {
  healthyNamespaces,
  healthyObjects,
  lease,
  registered,
  REGISTRATIONS,
  VMIS,
  webhooks,
} from "./healthy-objects.ts";

const SERVICE_NAME = "netbind-webhooks.netbind.svc";

/** The Plugin of KubeVirt 1.9, where KubeVirt's own definitions are not there. */
const PLUGIN_CRD = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "plugins.plugin.kubevirt.io" },
  spec: {
    group: "plugin.kubevirt.io",
    scope: "Cluster",
    names: { kind: "Plugin", plural: "plugins", singular: "plugin", listKind: "PluginList" },
    versions: [
      {
        ...{ name: "v1alpha1", served: true, storage: true },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

/** The objects of webhooks whose certificates were made at a time. */
export async function webhooksOf(now: Date): Promise<readonly KubeObject[]> {
  const certificates = await rotate(undefined, { now, names: [SERVICE_NAME], isTrusted: true });
  if (certificates === undefined) throw new Error("no certificates were made");
  return webhooks(certificates);
}

/** The conditions of an object, as they are said of its last generation. */
function ofGeneration(conditions: unknown, observedGeneration: number): object {
  const all = Array.isArray(conditions) ? (conditions as readonly object[]) : [];
  return { conditions: all.map((one) => ({ ...one, observedGeneration })) };
}

async function makeNamespaces(api: ApiServer): Promise<void> {
  for (const namespace of healthyNamespaces()) {
    await writeObject(api, namespace);
    const { name } = namespace.metadata;
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: name } };
    await writeObject(api, account);
  }
}

export class DoctoredCluster {
  readonly api: ApiServer;
  readonly #image: (name: string) => string;

  private constructor(api: ApiServer, image: (name: string) => string) {
    this.api = api;
    this.#image = image;
  }

  /** Makes the cluster. VMs come first: nothing serves the webhooks that would be asked for them. */
  static async make(api: ApiServer, image: (name: string) => string): Promise<DoctoredCluster> {
    const cluster = new DoctoredCluster(api, image);
    await applyCrds(api);
    await api.apply(PLUGIN_CRD);
    await applyNetworkBindingCrd(api);
    await makeNamespaces(api);
    await cluster.write(...VMIS, ...healthyObjects());
    await cluster.register({});
    await cluster.write(...(await webhooksOf(new Date())));
    await cluster.renewLease();
    return cluster;
  }

  /** Registers these as a manager, and nothing else that it has registered. */
  async registerOnly(binding: object, manager: string): Promise<void> {
    await writeObject(this.api, registered(binding), manager);
  }

  /** Registers what the controller registers, with changes: an entry that is undefined is not registered. */
  async register(changes: Readonly<Record<string, object | undefined>>): Promise<void> {
    await this.registerOnly({ ...REGISTRATIONS(this.#image), ...changes }, "netbind-controller");
  }

  /** What the leading replica does again and again. */
  async renewLease(): Promise<void> {
    await this.write(lease(new Date()));
  }

  /** Makes objects as they are, or changes them to that; a controller has looked at each NetworkBinding since. */
  async write(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      await writeObject(this.api, object);
      if (object.kind !== "NetworkBinding") continue;
      const path = pathOfObject(object);
      const { metadata } = await this.api.request<{ metadata: { generation: number } }>({ path });
      const status = ofGeneration((object.status as { conditions?: unknown }).conditions, metadata.generation);
      await this.api.request({ method: "PATCH", path: `${path}/status`, body: { status } });
    }
  }

  async remove(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) await removeObject(this.api, object);
  }

  /** What an object has. */
  read(object: KubeObject): Promise<KubeObject> {
    return this.api.request<KubeObject>({ path: pathOfObject(object) });
  }

  /** True where an object is there. */
  async has(object: KubeObject): Promise<boolean> {
    return await this.read(object).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return false;
        throw error;
      },
    );
  }
}
