/** Definitions of networks that multus attaches pods of a test cluster to. */
import type { NetworkAttachmentDefinition } from "@netbind/kubevirt";

/** Addresses of subnets, one of each for every pod. */
export const ipam = (...subnets: readonly string[]): object => ({
  type: "host-local",
  dataDir: "/run/cni-ipam",
  ranges: subnets.map((subnet) => [{ subnet }]),
});

/** A network of the namespace "default"; `resource`: of whose devices each pod gets one. */
export const network = (name: string, config: object, resource?: string): NetworkAttachmentDefinition => ({
  metadata: {
    ...{ name, namespace: "default" },
    annotations: resource === undefined ? {} : { "k8s.v1.cni.cncf.io/resourceName": resource },
  },
  spec: { config: JSON.stringify({ cniVersion: "0.3.1", name, ...config }) },
});
