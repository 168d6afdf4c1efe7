import type { KubevirtConfiguration, ObjectMeta, Vmi, VmiStatus } from "@netbind/engine";
import { type Check, isObject, isText, listOf, mapOf, optional, shape, wrongField } from "@netbind/netns";

/** A container of a pod, as far as the agent reads it. */
export interface KubeContainer {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath?: string; readonly subPath?: string }[];
  readonly securityContext?: { readonly runAsUser?: number; readonly capabilities?: { readonly add?: readonly string[] } };
  readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
}

/** A pod as the API has it (core/v1 Pod), as far as the agent reads it. */
export interface KubePod {
  readonly kind: "Pod";
  readonly metadata: ObjectMeta & {
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      readonly controller?: boolean;
    }[];
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly securityContext?: { readonly runAsUser?: number };
    readonly containers: readonly KubeContainer[];
  };
  readonly status?: { readonly phase?: string; readonly podIPs?: readonly object[] };
}

/** A VMI as the API has it: what the engine reads, and what tells which pods are its own. */
export type KubeVmi = Vmi & {
  readonly metadata: { readonly uid: string };
  readonly status?: VmiStatus & {
    /** Node by pod UID: `status.activePods`. */
    readonly activePods?: Readonly<Record<string, string>>;
    readonly migrationState?: { readonly targetPod?: string; readonly sourcePod?: string; readonly completed?: boolean };
  };
};

/** What a cluster holds at one moment. */
export interface ClusterView {
  readonly vmis: readonly KubeVmi[];
  readonly pods: readonly KubePod[];
  /** `spec.configuration` of the KubeVirt CR. */
  readonly configuration: KubevirtConfiguration;
}

/** Where the agent learns of VMIs and pods. Whoever cannot tell throws: an empty view means that nothing is there. */
export interface Cluster {
  view(): Promise<ClusterView>;
}

const metadata = shape({
  name: isText,
  namespace: isText,
  uid: isText,
  labels: optional(mapOf(isText)),
  annotations: optional(mapOf(isText)),
});
const owner = shape({ kind: isText, name: isText, uid: isText });
const container = shape({
  name: isText,
  env: optional(listOf(shape({ name: isText, value: optional(isText) }))),
  volumeMounts: optional(listOf(shape({ name: isText, subPath: optional(isText) }))),
});

const POD: Readonly<Record<string, Check>> = {
  metadata: (value) => metadata(value) && shape({ ownerReferences: optional(listOf(owner)), deletionTimestamp: optional(isText) })(value),
  spec: shape({ nodeName: optional(isText), containers: listOf(container) }),
  status: optional(shape({ phase: optional(isText), podIPs: optional(listOf(isObject)) })),
};
const VMI: Readonly<Record<string, Check>> = {
  metadata,
  spec: shape({
    domain: shape({ devices: shape({ interfaces: optional(listOf(shape({ name: isText }))) }) }),
    networks: optional(listOf(shape({ name: isText }))),
  }),
  status: optional(shape({ activePods: optional(mapOf(isText)), interfaces: optional(listOf(isObject)) })),
};

/** Sorts what an API server lists. @throws Error where an object lacks what every such object has */
export function readObjects(objects: readonly unknown[]): ClusterView {
  const vmis: KubeVmi[] = [];
  const pods: KubePod[] = [];
  let configuration: KubevirtConfiguration = {};
  for (const object of objects) {
    if (!isObject(object)) throw new Error("an object of the API is none");
    const fields = object["kind"] === "Pod" ? POD : object["kind"] === "VirtualMachineInstance" ? VMI : {};
    const wrong = wrongField(object, fields);
    const name = isObject(object["metadata"]) ? object["metadata"]["name"] : undefined;
    if (wrong !== undefined) throw new Error(`${String(object["kind"])} ${JSON.stringify(name)}: ${wrong} is not as the API has it`);
    if (fields === POD) pods.push(object as unknown as KubePod);
    if (fields === VMI) vmis.push(object as unknown as KubeVmi);
    if (object["kind"] === "KubeVirt" && isObject(object["spec"]))
      configuration = (object["spec"]["configuration"] ?? {}) as KubevirtConfiguration;
  }
  return { vmis, pods, configuration };
}
