import { type ApiObject, EVENTS, PODS, VMIS } from "@netbind/kube";
import { AGENT, readEvent, type SaidEvent } from "../agent-events.ts";
import { type ClusterFacts, definitionName, readKubevirt } from "../facts.ts";
import { at, objectAt, objectsAt, textAt, type Value } from "../fields.ts";
import { listed, type Look, type Looks, seenOf } from "../looks.ts";
import { DEFINITIONS, VMS } from "../resources.ts";

/** What a cluster has of one VM. */
export interface VmFacts extends Pick<ClusterFacts, "kubevirt" | "isKubevirtKnown" | "registry" | "operatorRegistry"> {
  readonly vm: ApiObject | undefined;
  readonly vmi: ApiObject | undefined;
  /** The VMI, or what the VM would make: `metadata` and `spec`. */
  readonly template: Value;
  /** NetworkAttachmentDefinitions of its networks by `namespace/name`. */
  readonly definitions: ReadonlyMap<string, Look<ApiObject>>;
  /** The launcher pod that was made last. */
  readonly pod: ApiObject | undefined;
  /** What may not be looked at. */
  readonly unknown: { readonly pods: boolean; readonly events: boolean };
  /** Agents on the pod's node. */
  readonly agents: Look<readonly ApiObject[]>;
  /** What was said of the VM, its VMI and its pod, the last first. */
  readonly events: readonly SaidEvent[];
}

const whole = (object: ApiObject): ApiObject => object;
const uidOf = (object: ApiObject | undefined): string => textAt(object, "metadata", "uid");
const createdAt = (object: ApiObject): string => textAt(object, "metadata", "creationTimestamp");

async function readEvents(
  looks: Looks,
  namespace: string,
  objects: readonly (ApiObject | undefined)[],
): Promise<Pick<VmFacts, "events"> & { readonly isUnknown: boolean }> {
  const uids = objects.map(uidOf).filter((uid) => uid !== "");
  const all = await Promise.all(
    uids.map((uid) =>
      looks.list({ resource: EVENTS, namespace, fieldSelector: `involvedObject.uid=${uid}`, read: readEvent }),
    ),
  );
  const events = all.flatMap((look) => [...listed(look)]);
  return {
    events: events.sort((a, b) => (Date.parse(b.at) || 0) - (Date.parse(a.at) || 0)),
    isUnknown: all.some((look) => "unknown" in look),
  };
}

/** The definitions that a VM's networks name: as far as they can be names. */
async function readDefinitions(looks: Looks, namespace: string, spec: Value): Promise<VmFacts["definitions"]> {
  const named = objectsAt(spec, "networks").map((one) => textAt(one, "multus", "networkName"));
  const names = [...new Set(named.filter((name) => name !== "").map((name) => definitionName(name, namespace)))];
  const read = names.map(async (full): Promise<readonly [string, Look<ApiObject>]> => {
    const [inNamespace = "", name = ""] = full.split("/");
    return [full, await looks.get({ resource: DEFINITIONS, namespace: inNamespace, name })];
  });
  return new Map(await Promise.all(read));
}

async function readPod(
  looks: Looks,
  namespace: string,
  vmi: ApiObject | undefined,
): Promise<Pick<VmFacts, "pod"> & { readonly isUnknown: boolean }> {
  if (vmi === undefined) return { pod: undefined, isUnknown: false };
  const labelSelector = `kubevirt.io/created-by=${uidOf(vmi)}`;
  const look = await looks.list({ resource: PODS, namespace, labelSelector, read: whole });
  const pod = listed(look)
    .toSorted((a, b) => createdAt(a).localeCompare(createdAt(b)))
    .at(-1);
  return { pod, isUnknown: "unknown" in look };
}

async function readAgents(looks: Looks, pod: ApiObject | undefined): Promise<VmFacts["agents"]> {
  const node = textAt(pod, "spec", "nodeName");
  if (node === "") return { seen: [] };
  const selector = { labelSelector: `app=${AGENT}`, fieldSelector: `spec.nodeName=${node}` };
  return await looks.list({ resource: PODS, ...selector, read: whole });
}

/** Looks at one VM of a cluster. Undefined: there is none of that name. @throws ApiError where that is not known */
export async function readVmFacts(
  looks: Looks,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<VmFacts | undefined> {
  const kubevirt = await readKubevirt(looks);
  const [vmLook, vmiLook] = await Promise.all([
    looks.get({ resource: VMS, namespace, name }),
    looks.get({ resource: VMIS, namespace, name }),
  ]);
  const [vm, vmi] = [seenOf(vmLook), seenOf(vmiLook)];
  if (vm === undefined && vmi === undefined) {
    for (const look of [vmiLook, vmLook]) if ("unknown" in look) throw look.error;
    return undefined;
  }
  const template = vmi ?? objectAt(vm, "spec", "template");
  const [definitions, { pod, ...pods }] = await Promise.all([
    readDefinitions(looks, namespace, objectAt(template, "spec")),
    readPod(looks, namespace, vmi),
  ]);
  const [agents, { events, ...said }] = await Promise.all([
    readAgents(looks, pod),
    readEvents(looks, namespace, [vm, vmi, pod]),
  ]);
  const unknown = { pods: pods.isUnknown, events: said.isUnknown };
  return { ...kubevirt, vm, vmi, template, definitions, pod, unknown, agents, events };
}

/** True where a pod has sidecars of bindings: the node agent has to attach it. */
export const needsAgent = ({ pod }: VmFacts): boolean =>
  objectsAt(pod, "spec", "containers").some((one) => textAt(one, "name").startsWith("hook-sidecar-"));

export const phaseOf = ({ vmi }: VmFacts): string => textAt(vmi, "status", "phase");

/** Milliseconds since 1970 at which a VMI came into a phase; undefined where it never did. */
export function phaseTime({ vmi }: VmFacts, phase: string): number | undefined {
  const found = objectsAt(vmi, "status", "phaseTransitionTimestamps").find((one) => one["phase"] === phase);
  const time = Date.parse(textAt(found, "phaseTransitionTimestamp"));
  return Number.isNaN(time) ? undefined : time;
}

/** The last thing that an agent said of the VM. */
export const agentWord = ({ events }: VmFacts): SaidEvent | undefined => events.find(({ by }) => by === AGENT);

/** The last warning of anybody else. */
export const lastWarning = ({ events }: VmFacts): SaidEvent | undefined =>
  events.find(({ by, type }) => by !== AGENT && type === "Warning");

/** True where a VM is not to run. */
export const isHalted = ({ vm }: VmFacts): boolean =>
  at(vm, "spec", "running") === false || textAt(vm, "spec", "runStrategy") === "Halted";
