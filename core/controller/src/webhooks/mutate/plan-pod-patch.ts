import { isObject } from "@netbind/contract/shape";
import { type KubevirtConfiguration, parseQuantity, type PatchOperation } from "@netbind/kubevirt";
import { bindingOfSidecar, type SidecarContainer } from "@netbind/kubevirt/pod";
import { pointer } from "../vm-template.ts";
import type { GivenNeeds, SidecarNeeds } from "./pod-needs.ts";
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
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
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
export function readNewPod({ metadata, spec }: Readonly<Record<string, unknown>>): NewPod | undefined {
  const containers = isObject(spec) ? spec["containers"] : undefined;
  return Array.isArray(containers) && containers.every((one) => isObject(one))
    ? ({ metadata, spec } as unknown as NewPod)
    : undefined;
}

/** True for the launcher's own container. */
const isCompute = (container: PodContainer): boolean => (container as { name?: string }).name === COMPUTE;

/** The binding that each container serves, by its place; undefined for the launcher, and for all that serve none. */
export const servedBindings = (
  { spec }: NewPod,
  configuration: KubevirtConfiguration,
): readonly (string | undefined)[] =>
  spec.containers.map((container) => {
    const isSidecar = container.volumeMounts?.some(({ name }) => name === SOCKETS) === true;
    return isSidecar && !isCompute(container) ? bindingOfSidecar(container, configuration) : undefined;
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

/** The resources of a pod's containers, by their place. */
type PodResources = readonly ContainerResources[];

/** Each sidecar's resources with what its binding needs. The pod's class stays: where it would change, nothing is added. */
function raiseSidecars(
  pod: NewPod,
  given: PodResources,
  needs: ReadonlyMap<string, SidecarNeeds>,
  configuration: KubevirtConfiguration,
): { readonly resources: PodResources; readonly warnings: readonly string[] } {
  const open = QOS_RESOURCES.filter((resource) => !isConfigured(resource, configuration));
  const served = servedBindings(pod, configuration);
  const raised = given.map((resources, index) => {
    const needed = needs.get(served[index] ?? "");
    return needed === undefined ? resources : withNeeded(resources, needed, open);
  });
  const first = (pod.spec.initContainers ?? []).map(({ resources = {} }) => resources);
  const [before, after] = [qosClassOf([...given, ...first]), qosClassOf([...raised, ...first])];
  if (before === after) return { resources: raised, warnings: [] };
  const warning = `spec.containers: what sidecars need is not added: the pod's class would be ${after} in the place of ${before}`;
  return { resources: given, warnings: [warning] };
}

/** A container's resources with at least so many devices. Of such a resource, request and limit are the same. */
function withDevices(resources: ContainerResources, devices: GivenNeeds["devices"]): ContainerResources {
  const { limits } = resources;
  const missing = [...devices].filter(
    ([name, count]) => (parseQuantity(String(limits?.[name] ?? 0), 0) ?? 0n) < BigInt(count),
  );
  if (missing.length === 0) return resources;
  const counts = Object.fromEntries(missing.map(([name, count]) => [name, String(count)]));
  return { ...resources, requests: { ...resources.requests, ...counts }, limits: { ...limits, ...counts } };
}

/** The annotations that a pod does not have. One that it has stays. */
function annotate({ metadata }: NewPod, needed: GivenNeeds["annotations"]): PodPatch {
  const given = metadata?.annotations ?? {};
  const missing = [...needed].filter(([name]) => !Object.hasOwn(given, name));
  const other = [...needed].filter(([name, value]) => Object.hasOwn(given, name) && given[name] !== value);
  const add = (path: string, value: unknown): PatchOperation => ({ op: "add", path, value });
  const patch =
    metadata?.annotations === undefined
      ? [add(pointer("metadata", "annotations"), Object.fromEntries(missing))]
      : missing.map(([name, value]) => add(pointer("metadata", "annotations", name), value));
  return {
    patch: missing.length === 0 ? [] : patch,
    warnings: other.map(
      ([name, value]) =>
        `metadata.annotations: ${name} stays ${JSON.stringify(given[name])}, where a binding needs ${JSON.stringify(value)}`,
    ),
  };
}

/**
 * What is added to a launcher pod: each sidecar requests what its binding needs, and has no limit below that, but where
 * the KubeVirt CR says what sidecars get; the compute container has the devices, and the pod the annotations, that it has
 * not got already.
 */
export function planPodPatch(pod: NewPod, needs: GivenNeeds, configuration: KubevirtConfiguration): PodPatch {
  const { containers } = pod.spec;
  const given = containers.map(({ resources = {} }) => resources);
  const { resources: raised, warnings } = raiseSidecars(pod, given, needs.sidecars, configuration);
  const annotated = annotate(pod, needs.annotations);
  const patch = containers.flatMap((container, index): readonly PatchOperation[] => {
    const [before, after] = [given[index] ?? {}, raised[index] ?? {}];
    const value = isCompute(container) ? withDevices(after, needs.devices) : after;
    return isSame(value, before) ? [] : [{ op: "add", path: pointer("spec", "containers", index, "resources"), value }];
  });
  return { patch: [...annotated.patch, ...patch], warnings: [...annotated.warnings, ...warnings] };
}

const isSame = (one: ContainerResources, other: ContainerResources): boolean =>
  one.requests === other.requests && one.limits === other.limits;
