import { defined } from "@netbind/contract";
/** One link of a pod, as multus reports it (NPWG's network-status). Only what is read. */
export interface NetworkStatus {
  /** `<namespace>/<name>` of the NetworkAttachmentDefinition, or the cluster network's name. */
  readonly name?: string;
  readonly interface?: string;
  readonly default?: boolean;
  readonly mac?: string;
  readonly mtu?: number;
  readonly "device-info"?: object;
}

/** The annotation of a pod in which multus reports its links. */
export const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";

const isStatus = (value: unknown): value is NetworkStatus =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a pod's report; what is missing or not a list counts as no report. */
export function parseNetworkStatus(annotation: string | undefined): readonly NetworkStatus[] {
  if (annotation === undefined) return [];
  try {
    const list: unknown = JSON.parse(annotation);
    return Array.isArray(list) ? list.filter(isStatus) : [];
  } catch {
    return [];
  }
}

/** The names of the links that a report has. */
export const linksOf = (statuses: readonly NetworkStatus[]): readonly string[] =>
  statuses.flatMap((status) => (status.interface ? [status.interface] : []));

/** The report of a link; of two, the last. */
export const statusOfLink = (statuses: readonly NetworkStatus[], link: string): NetworkStatus | undefined =>
  statuses.findLast((status) => status.interface === link);

/** The pod's primary link: that of the first report which is marked as the default; undefined where none is. */
export const primaryLinkOf = (statuses: readonly NetworkStatus[]): string | undefined =>
  statuses.find((status) => status.default === true && status.interface)?.interface;

/** An attachment of a pod to a network, with what its CNI plugin returned. */
export interface CniAdded {
  readonly name: string;
  /** The name that the link was asked for under. */
  readonly ifname: string;
  /** True for the pod's first network: one of its links is the pod's primary link. */
  readonly isDefault: boolean;
  readonly result?: unknown;
}

/** What of a CNI result (CNI specification, 1.0) is read. */
interface CniResult {
  readonly interfaces?: readonly { readonly name?: unknown; readonly sandbox?: unknown; readonly mac?: unknown }[];
  readonly ips?: readonly { readonly gateway?: unknown; readonly interface?: unknown }[];
}

const listOf = <T>(value: readonly T[] | undefined): readonly T[] =>
  Array.isArray(value) ? value.filter((one): one is T => isStatus(one)) : [];

/**
 * The reports of one attachment, as multus makes them of a CNI result: one for each link in the pod. Of the links of the
 * pod's first network the default is the one whose address has a gateway, else the first: a plugin that joins the pod to a
 * primary network of the user's own (OVN-Kubernetes) returns `eth0` and another link, which has the gateway.
 */
export function statusesOfAttachment({ name, ifname, isDefault, result }: CniAdded): readonly NetworkStatus[] {
  const { interfaces, ips } = (isStatus(result) ? result : {}) as CniResult;
  const links = listOf(interfaces).map((link, index) => ({ ...link, index }));
  const inPod = links.filter(
    ({ sandbox, name: link }) => typeof sandbox === "string" && sandbox !== "" && typeof link === "string",
  );
  if (inPod.length === 0) return [{ name, interface: ifname, default: isDefault }];
  const gateway = listOf(ips).find(
    (ip) => typeof ip.gateway === "string" && typeof ip.interface === "number",
  )?.interface;
  const chosen = links.length === 1 || gateway === undefined ? inPod[0]?.index : gateway;
  return inPod.map(({ name: link, mac, index }) => ({
    name,
    interface: String(link),
    default: isDefault && index === chosen,
    ...defined({ mac: typeof mac === "string" ? mac : undefined }),
  }));
}
