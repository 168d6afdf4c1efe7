/** The addresses inside a test cluster. Each cluster has network namespaces of its own, so they are the same in all. */

/** Both families of one thing: Kubernetes takes them in this order. */
export interface DualStack {
  readonly ipv4: string;
  readonly ipv6: string;
}

const both = (ipv4: string, ipv6: string): DualStack => ({ ipv4, ipv6 });

/** The control plane's address on the nodes' network. */
export const CONTROL_PLANE = both("10.77.0.1", "fd77::1");
export const API_PORT = 6443;
export const PODS = both("10.244.0.0/16", "fd44::/48");
export const SERVICES = both("10.96.0.0/16", "fd96::/112");
/** The first address of the services is the API server's own. */
export const API_SERVICE = both("10.96.0.1", "fd96::1");

export const CLUSTER_DNS = "10.96.0.10";

/** A node's address on the nodes' network. Nodes count from 1. */
export const nodeAddress = (node: number): DualStack => both(`10.77.0.${10 + node}`, `fd77::${10 + node}`);

/** The subnets of a node's pods. */
export const podSubnet = (node: number): DualStack => both(`10.244.${node}.0/24`, `fd44:0:0:${node}::/64`);

/** A registry in the cluster, without TLS. */
export const REGISTRY = `${CONTROL_PLANE.ipv4}:5000`;

export const comma = ({ ipv4, ipv6 }: DualStack): string => `${ipv4},${ipv6}`;
