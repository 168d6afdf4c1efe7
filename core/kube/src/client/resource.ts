/** A resource of the API: where its objects are, and what they are called. */
export interface Resource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

export const PODS: Resource = { group: "", version: "v1", plural: "pods", kind: "Pod" };
export const EVENTS: Resource = { group: "", version: "v1", plural: "events", kind: "Event" };
export const VMIS: Resource = {
  group: "kubevirt.io",
  version: "v1",
  plural: "virtualmachineinstances",
  kind: "VirtualMachineInstance",
};
export const LEASES: Resource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
export const SECRETS: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };
export const DEPLOYMENTS: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
export const DAEMON_SETS: Resource = { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet" };
export const VALIDATING_WEBHOOKS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
};
export const MUTATING_WEBHOOKS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
};
export const NETWORK_BINDINGS: Resource = {
  group: "netbind.dev",
  version: "v1alpha1",
  plural: "networkbindings",
  kind: "NetworkBinding",
};
export const NETWORK_ATTACHMENT_DEFINITIONS: Resource = {
  group: "k8s.cni.cncf.io",
  version: "v1",
  plural: "network-attachment-definitions",
  kind: "NetworkAttachmentDefinition",
};

const ofInstancetypes = (plural: string, kind: string): Resource => ({
  ...{ group: "instancetype.kubevirt.io", version: "v1beta1" },
  ...{ plural, kind },
});
export const PREFERENCES: Resource = ofInstancetypes("virtualmachinepreferences", "VirtualMachinePreference");
export const CLUSTER_PREFERENCES: Resource = ofInstancetypes(
  "virtualmachineclusterpreferences",
  "VirtualMachineClusterPreference",
);
export const INSTANCETYPES: Resource = ofInstancetypes("virtualmachineinstancetypes", "VirtualMachineInstancetype");
export const CLUSTER_INSTANCETYPES: Resource = ofInstancetypes(
  "virtualmachineclusterinstancetypes",
  "VirtualMachineClusterInstancetype",
);
export const KUBEVIRTS: Resource = { group: "kubevirt.io", version: "v1", plural: "kubevirts", kind: "KubeVirt" };

/** What is done with a resource, in RBAC's words. */
export type Verb = "create" | "delete" | "get" | "list" | "patch" | "update" | "watch";

/** An object of a resource, or its collection. */
export interface Place {
  readonly resource: Resource;
  /** Absent: of all namespaces. */
  readonly namespace?: string;
  /** Absent: the collection. */
  readonly name?: string;
  readonly subresource?: "scale" | "status";
}

/** What an object says of its kind: `apiVersion` and `kind`. */
export const typeOf = ({ group, version, kind }: Resource): { readonly apiVersion: string; readonly kind: string } => ({
  apiVersion: group === "" ? version : `${group}/${version}`,
  kind,
});

/** A name of an object: a name of DNS, so no "..", no separator of a path. */
const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** True for what can be an object's name, as far as a path is concerned: a name that an object refers to may be anything. */
export const isObjectName = (name: string): boolean => NAME.test(name);

/** The path of a place. @throws Error where a name in it cannot be an object's */
export function pathOf({ resource: { group, version, plural }, namespace, name, subresource }: Place): string {
  for (const one of [namespace, name])
    if (one !== undefined && !isObjectName(one)) throw new Error(`${JSON.stringify(one)} is not a name of an object`);
  return [
    group === "" ? "/api" : `/apis/${group}`,
    version,
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join("/");
}
