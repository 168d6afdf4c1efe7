import type { Resource } from "@netbind/kube";

export {
  DAEMON_SETS,
  DEPLOYMENTS,
  MUTATING_WEBHOOKS,
  NETWORK_ATTACHMENT_DEFINITIONS as DEFINITIONS,
} from "@netbind/kube";

/** Resources that only the command looks at. */
export const VMS: Resource = { group: "kubevirt.io", version: "v1", plural: "virtualmachines", kind: "VirtualMachine" };
export const NODES: Resource = { group: "", version: "v1", plural: "nodes", kind: "Node" };
export const NAMESPACES: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
export const SERVICES: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
export const ENDPOINT_SLICES: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
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
