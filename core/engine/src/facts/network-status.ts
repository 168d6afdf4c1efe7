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

const isStatus = (value: unknown): value is NetworkStatus => typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a pod's report; what is missing or no list is no report. */
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
