import { isObject } from "@netbind/contract/shape";
import type { KubevirtConfiguration, PatchOperation } from "@netbind/kubevirt";
import { bindingOfSidecar, type SidecarContainer } from "@netbind/kubevirt/pod";
import { pointer } from "../vm-template.ts";
import type { SidecarNeeds } from "./pod-needs.ts";
import {
  amountOf,
  type ContainerResources,
  QOS_RESOURCES,
  type QosResource,
  qosClassOf,
  requestOf,
} from "./qos-class.ts";

/** A container of a pod that is about to be made. */
interface PodContainer extends SidecarContainer {
  readonly resources?: ContainerResources;
  readonly volumeMounts?: readonly { readonly name: string }[];
}

/** A pod that is about to be made, as far as it is read: the API server has read it as a pod. */
export interface NewPod {
  readonly spec: { readonly containers: readonly PodContainer[]; readonly initContainers?: readonly PodContainer[] };
}

/** What is added to a pod, or why nothing is. */
export interface PodPatch {
  readonly patch: readonly PatchOperation[];
  readonly warnings: readonly string[];
}

const SOCKETS = "hook-sidecar-sockets";
const COMPUTE = "compute";

/** Reads what is sent as a pod; undefined where it has no containers. */
export function readNewPod({ spec }: Readonly<Record<string, unknown>>): NewPod | undefined {
  const containers = isObject(spec) ? spec["containers"] : undefined;
  return Array.isArray(containers) && containers.every((one) => isObject(one))
    ? ({ spec } as unknown as NewPod)
    : undefined;
}

/** The binding that each container serves, by its place; undefined for the launcher, and for all that serve none. */
export const servedBindings = (
  { spec }: NewPod,
  configuration: KubevirtConfiguration,
): readonly (string | undefined)[] =>
  spec.containers.map((container) => {
    const isSidecar = container.volumeMounts?.some(({ name }) => name === SOCKETS) === true;
    return isSidecar && (container as { name?: string }).name !== COMPUTE
      ? bindingOfSidecar(container, configuration)
      : undefined;
  });

/** True where the KubeVirt CR says what sidecars get of a resource: an administrator has decided. */
function isConfigured(resource: QosResource, { supportContainerResources }: KubevirtConfiguration): boolean {
  const { requests, limits } = supportContainerResources?.find(({ type }) => type === "sidecar")?.resources ?? {};
  return requests?.[resource] !== undefined || limits?.[resource] !== undefined;
}

const NEEDED = {
  cpu: ({ cpuMillis }: SidecarNeeds): bigint => BigInt(cpuMillis ?? 0),
  memory: ({ memoryBytes }: SidecarNeeds): bigint => BigInt(memoryBytes ?? 0),
} as const;
const UNIT = { cpu: "m", memory: "" } as const;

/** A container's resources with at least what is needed: requested, and permitted where there is a limit. */
function withNeeded(
  resources: ContainerResources,
  needs: SidecarNeeds,
  resourcesToRaise: readonly QosResource[],
): ContainerResources {
  let { requests, limits } = resources;
  for (const resource of resourcesToRaise) {
    const needed = NEEDED[resource](needs);
    const quantity = `${needed}${UNIT[resource]}`;
    const limit = amountOf(limits, resource);
    if (needed > (requestOf(resources, resource) ?? 0n)) requests = { ...requests, [resource]: quantity };
    if (limit !== undefined && needed > limit) limits = { ...limits, [resource]: quantity };
  }
  return { ...resources, ...(requests && { requests }), ...(limits && { limits }) };
}

/**
 * What is added to a launcher pod: each sidecar requests what its binding needs, and has no limit below that, but where
 * the KubeVirt CR says what sidecars get. The pod's class stays: where it would change, nothing is added.
 */
export function planPodPatch(
  pod: NewPod,
  needs: ReadonlyMap<string, SidecarNeeds>,
  configuration: KubevirtConfiguration,
): PodPatch {
  const { containers, initContainers = [] } = pod.spec;
  const open = QOS_RESOURCES.filter((resource) => !isConfigured(resource, configuration));
  const served = servedBindings(pod, configuration);
  const given = containers.map(({ resources = {} }) => resources);
  const raised = given.map((resources, index) => {
    const needed = needs.get(served[index] ?? "");
    return needed === undefined ? resources : withNeeded(resources, needed, open);
  });
  const patch = raised.flatMap((value, index): readonly PatchOperation[] =>
    isSame(value, given[index] ?? {})
      ? []
      : [{ op: "add", path: pointer("spec", "containers", index, "resources"), value }],
  );
  const first = initContainers.map(({ resources = {} }) => resources);
  const [before, after] = [qosClassOf([...given, ...first]), qosClassOf([...raised, ...first])];
  if (before === after) return { patch, warnings: [] };
  const warning = `spec.containers: what sidecars need is not added: the pod's class would be ${after} in the place of ${before}`;
  return { patch: [], warnings: [warning] };
}

const isSame = (one: ContainerResources, other: ContainerResources): boolean =>
  one.requests === other.requests && one.limits === other.limits;
