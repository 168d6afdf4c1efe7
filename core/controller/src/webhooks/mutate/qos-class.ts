import { parseQuantity } from "@netbind/kubevirt";

/** What decides about a pod's class: other resources do not. */
export const QOS_RESOURCES = ["cpu", "memory"] as const;
export type QosResource = (typeof QOS_RESOURCES)[number];

type Quantities = Readonly<Record<string, unknown>>;

/** The resources of a container. */
export interface ContainerResources {
  readonly requests?: Quantities;
  readonly limits?: Quantities;
}

/** A quantity in thousandths of a processor, or in bytes; undefined where it is none, and where it is zero. */
export function amountOf(quantities: Quantities | undefined, resource: QosResource): bigint | undefined {
  const value = quantities?.[resource];
  const amount = value === undefined ? undefined : parseQuantity(String(value), resource === "cpu" ? 3 : 0);
  return amount === 0n ? undefined : amount;
}

/** What a container requests: its limit, where it says nothing else. */
export const requestOf = ({ requests, limits }: ContainerResources, resource: QosResource): bigint | undefined =>
  amountOf(requests, resource) ?? amountOf(limits, resource);

/** The class that Kubernetes gives a pod by the resources of all its containers, the first ones too: who is evicted first. */
export function qosClassOf(containers: readonly ContainerResources[]): "BestEffort" | "Burstable" | "Guaranteed" {
  const parts = containers.flatMap((container) =>
    QOS_RESOURCES.map((resource) => ({
      request: requestOf(container, resource),
      limit: amountOf(container.limits, resource),
    })),
  );
  if (parts.every(({ request, limit }) => request === undefined && limit === undefined)) return "BestEffort";
  return parts.every(({ request, limit }) => limit !== undefined && request === limit) ? "Guaranteed" : "Burstable";
}
