import type { Resource } from "@netbind/kube";

/** Resources that only the command looks at. */
export const VMS: Resource = { group: "kubevirt.io", version: "v1", plural: "virtualmachines", kind: "VirtualMachine" };
export const NODES: Resource = { group: "", version: "v1", plural: "nodes", kind: "Node" };
export const NAMESPACES: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
export const SERVICES: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
export const DAEMON_SETS: Resource = { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet" };
export const DEPLOYMENTS: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
export const ENDPOINT_SLICES: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
};
export const MUTATING_WEBHOOKS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "mutatingwebhookconfigurations",
  kind: "MutatingWebhookConfiguration",
};
export const DEFINITIONS: Resource = {
  group: "k8s.cni.cncf.io",
  version: "v1",
  plural: "network-attachment-definitions",
  kind: "NetworkAttachmentDefinition",
};
/** KubeVirt's own plugins, of 1.9 and later. */
export const KUBEVIRT_PLUGINS: Resource = {
  group: "plugin.kubevirt.io",
  version: "v1alpha1",
  plural: "plugins",
  kind: "Plugin",
};
export const HYPERCONVERGEDS: Resource = {
  group: "hco.kubevirt.io",
  version: "v1beta1",
  plural: "hyperconvergeds",
  kind: "HyperConverged",
};
