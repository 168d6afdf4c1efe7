import type { ApiObject } from "@netbind/kube";
import { isObject } from "@netbind/contract/shape";

/** Which VMI it is. */
export interface VmiReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A VMI, as far as it is followed: of thousands, no more is kept. */
export interface FollowedVmi extends VmiReference {
  /** Of `status.phase`; empty until KubeVirt has seen it. */
  readonly phase: string;
  /** Where it runs; empty: nowhere yet. */
  readonly node: string;
  readonly isDeleting: boolean;
  /** Each interface that names a binding, with that name. */
  readonly interfaces: readonly { readonly name: string; readonly binding: string }[];
}

/** A launcher pod, as far as it is followed. */
export interface FollowedPod {
  readonly name: string;
  /** Empty: it is not scheduled yet. */
  readonly node: string;
  readonly isOver: boolean;
  /** The UID of the VMI that controls it. */
  readonly vmi: string;
  /** Its containers' images, and the names of bindings that KubeVirt gives to sidecars. */
  readonly images: readonly string[];
  readonly bindings: readonly string[];
}

/** A pod of the node agent. */
export interface AgentPod {
  readonly node: string;
  readonly isRunning: boolean;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const objectAt = (value: unknown, ...path: readonly string[]): Readonly<Record<string, unknown>> => {
  let at = value;
  for (const name of path) at = isObject(at) ? at[name] : undefined;
  return isObject(at) ? at : {};
};
const objectsIn = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isObject) : [];

const isDeleting = ({ metadata }: ApiObject): boolean => metadata["deletionTimestamp"] !== undefined;

export function readVmi(object: ApiObject): FollowedVmi {
  const { namespace, name, uid } = object.metadata;
  const { phase, nodeName } = objectAt(object["status"]);
  const interfaces = objectsIn(objectAt(object["spec"], "domain", "devices")["interfaces"]);
  return {
    ...{ namespace: text(namespace), name, uid: text(uid), phase: text(phase), node: text(nodeName) },
    isDeleting: isDeleting(object),
    interfaces: interfaces.flatMap((one) => {
      const binding = text(objectAt(one["binding"])["name"]);
      return binding === "" ? [] : [{ name: text(one["name"]), binding }];
    }),
  };
}

/** What a sidecar receives of its registration from KubeVirt 1.9. */
const BINDING_NAME = "NETWORK_BINDING_PLUGIN_NAME";

export function readLauncherPod(object: ApiObject): FollowedPod {
  const { phase } = objectAt(object["status"]);
  const spec = objectAt(object["spec"]);
  const owners = objectsIn(object.metadata["ownerReferences"]);
  const containers = objectsIn(spec["containers"]);
  const environment = containers.flatMap(({ env }) => objectsIn(env));
  return {
    name: object.metadata.name,
    node: text(spec["nodeName"]),
    isOver: isDeleting(object) || phase === "Succeeded" || phase === "Failed",
    vmi: text(owners.find((one) => one["controller"] === true && one["kind"] === "VirtualMachineInstance")?.["uid"]),
    images: containers.map(({ image }) => text(image)),
    bindings: environment.filter((one) => one["name"] === BINDING_NAME).map((one) => text(one["value"])),
  };
}

export function readAgentPod(object: ApiObject): AgentPod {
  const isRunning = objectAt(object["status"])["phase"] === "Running" && !isDeleting(object);
  return { node: text(objectAt(object["spec"])["nodeName"]), isRunning };
}
