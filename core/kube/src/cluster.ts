import { defined } from "@netbind/contract";
import type { KubevirtConfiguration, ObjectMeta, Vmi, VmiStatus } from "@netbind/kubevirt";
import { type Check, isObject, isText, listOf, mapOf, optional, shape, wrongField } from "@netbind/contract/shape";

/** A container of a pod, as far as the agent reads it. */
export interface KubeContainer {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath?: string; readonly subPath?: string }[];
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly capabilities?: { readonly add?: readonly string[] };
  };
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

/** A VMI as the API has it: what the engine reads, and what says which pods are its own. */
export type KubeVmi = Vmi & {
  readonly metadata: { readonly uid: string };
  readonly status?: VmiStatus & {
    /** Node by pod UID: `status.activePods`. */
    readonly activePods?: Readonly<Record<string, string>>;
    readonly migrationState?: {
      readonly targetPod?: string;
      readonly sourcePod?: string;
      readonly completed?: boolean;
    };
  };
};

/** A NetworkBinding (netbind.dev/v1alpha1), as far as an agent reads it. */
export interface KubeNetworkBinding {
  /** The name that the binding is registered under. */
  readonly name: string;
  /** `spec.grants` as it is there, checked by no one; absent: none are given. */
  readonly grants?: unknown;
}

/** An object that is left out, for it does not have the API's form. */
export interface Unreadable {
  /** Its kind and name, or the file that it is in. */
  readonly what: string;
  readonly problem: string;
  /** Absent where not even that can be read. */
  readonly uid?: string;
}

/** What a cluster holds at one moment. */
export interface ClusterSnapshot {
  readonly vmis: readonly KubeVmi[];
  readonly pods: readonly KubePod[];
  /** `spec.configuration` of the KubeVirt CR. */
  readonly configuration: KubevirtConfiguration;
  readonly networkBindings: readonly KubeNetworkBinding[];
  /** Unknown objects: of these, and of what else may be in a file, nothing is undone. */
  readonly unreadable: readonly Unreadable[];
}

/**
 * The source of VMIs and pods. An implementation that cannot read them throws: an empty snapshot means that there are
 * none.
 */
export interface Cluster {
  snapshot(): Promise<ClusterSnapshot>;
  /** Calls a listener, the only one, whenever another snapshot can be had; absent: the source reports no changes, and has to be polled. */
  onChange?(listener: () => void): void;
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
  metadata: (value) =>
    metadata(value) && shape({ ownerReferences: optional(listOf(owner)), deletionTimestamp: optional(isText) })(value),
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

/** What an API says of a registration, as far as the agent reads it. */
const registration: Check = (value) =>
  isObject(value) &&
  ["sidecarImage", "domainAttachmentType"].every((field) => optional(isText)(value[field])) &&
  optional(isObject)(value["migration"]);

const nameOf = (object: Readonly<Record<string, unknown>>): string => {
  const { namespace, name } = isObject(object["metadata"]) ? object["metadata"] : {};
  return [String(object["kind"]), [namespace, name].filter((part) => typeof part === "string").join("/")].join(" ");
};

/** There is one of it, whatever its UID. */
const CR = "KubeVirt";

/** The configuration of a KubeVirt CR, without the registrations that are not as the API has them. */
function readConfiguration(
  cr: Readonly<Record<string, unknown>>,
): Pick<ClusterSnapshot, "configuration" | "unreadable"> {
  const configuration = isObject(cr["spec"]) ? (cr["spec"]["configuration"] ?? {}) : {};
  const network = isObject(configuration) ? (configuration["network"] ?? {}) : undefined;
  const binding = isObject(network) ? (network["binding"] ?? {}) : undefined;
  if (!isObject(configuration) || !isObject(network) || !isObject(binding))
    return {
      configuration: {},
      unreadable: [
        { what: nameOf(cr), problem: "spec.configuration.network.binding does not have the API's form", uid: CR },
      ],
    };
  const wrong = Object.keys(binding).filter((name) => !registration(binding[name]));
  const sound = Object.fromEntries(Object.entries(binding).filter(([name]) => !wrong.includes(name)));
  return {
    configuration: { ...configuration, network: { ...network, binding: sound } } as KubevirtConfiguration,
    unreadable: wrong.map((name) => ({
      ...{ what: nameOf(cr), uid: CR },
      problem: `spec.configuration.network.binding.${name} does not have the API's form`,
    })),
  };
}

const NETWORK_BINDING: Readonly<Record<string, Check>> = { metadata: shape({ name: isText }) };

/** Where a NetworkBinding does not have the API's form, its grants do not either: they are not taken for absent ones. */
function readNetworkBinding({ metadata, spec }: Readonly<Record<string, unknown>>): KubeNetworkBinding {
  const { name } = metadata as { readonly name: string };
  const grants = (isObject(spec) ? spec["grants"] : spec) ?? undefined;
  return { name, ...defined({ grants }) };
}

const FIELDS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  Pod: POD,
  VirtualMachineInstance: VMI,
  NetworkBinding: NETWORK_BINDING,
};

/** By what an unreadable object and pods differ: one of the whole cluster cannot be one, whatever its UID. */
const uidOf = ({ kind, metadata }: Readonly<Record<string, unknown>>): string | undefined => {
  if (kind === "NetworkBinding") return kind;
  const uid = isObject(metadata) ? metadata["uid"] : undefined;
  return typeof uid === "string" ? uid : undefined;
};

/** Sorts what an API server lists. An object that is not as every such object is costs that object. */
export function readObjects(objects: readonly unknown[]): ClusterSnapshot {
  const vmis: KubeVmi[] = [];
  const pods: KubePod[] = [];
  const networkBindings: KubeNetworkBinding[] = [];
  const unreadable: Unreadable[] = [];
  let configuration: KubevirtConfiguration = {};
  for (const object of objects) {
    if (!isObject(object)) {
      unreadable.push({ what: "an object", problem: "it is not an object of the API" });
      continue;
    }
    const { kind } = object;
    const wrong = wrongField(object, FIELDS[String(kind)] ?? {});
    if (wrong !== undefined) {
      const problem = `${wrong} does not have the API's form`;
      unreadable.push({ what: nameOf(object), problem, ...defined({ uid: uidOf(object) }) });
    } else if (kind === "Pod") pods.push(object as unknown as KubePod);
    else if (kind === "VirtualMachineInstance") vmis.push(object as unknown as KubeVmi);
    else if (kind === "NetworkBinding") networkBindings.push(readNetworkBinding(object));
    else if (kind === "KubeVirt") {
      const read = readConfiguration(object);
      configuration = read.configuration;
      unreadable.push(...read.unreadable);
    }
  }
  return { vmis, pods, configuration, networkBindings, unreadable };
}
