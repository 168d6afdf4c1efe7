import masquerade from "@netbind/plugin-masquerade";
import {
  type AnnotatedPod,
  annotationsAtCreation,
  annotationsOfMigrationTarget,
  annotationsOfRunningPod,
  memoryOverheadBytes,
  networkResources,
  pluginSidecars,
} from "@netbind/kubevirt/pod";
import { type NetworkAttachmentDefinition, nicSpec, type Vmi, type VmiNetwork } from "@netbind/kubevirt";
import { AGREED, canonical, compare, completeVmi, failed, type Outcome, type Vector, type VmiInput } from "./vector.ts";

/** KubeVirt has no fallback image. */
const NO_FALLBACK = { policy: "Never", table: {} } as const;

type Annotations = Readonly<Record<string, string>>;
interface AnnotationsResult {
  readonly annotations: Annotations | null;
  readonly error?: string | null;
}

/** Annotations whose value is JSON are compared as JSON, which keeps the order of lists. */
const parsed = (annotations: Annotations): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [key, /^[[{]/.test(value) ? JSON.parse(value) : value]),
  );

/** What the core binding of this release asks of the pod: the mesh's annotations, of masquerade. */
function coreNeeds(vmi: Vmi): Annotations {
  const needs = (vmi.spec.domain.devices.interfaces ?? [])
    .filter((nic) => nic.masquerade !== undefined)
    .map((nic) =>
      masquerade.needs(
        nicSpec(vmi, nic, vmi.spec.networks?.find(({ name }) => name === nic.name) ?? { name: nic.name }),
      ),
    );
  return Object.assign({}, ...needs.map(({ pod }) => pod?.annotations)) as Annotations;
}

/** The annotations of a new pod. */
export function annotations({ input, result }: Vector<VmiInput, AnnotationsResult>): Outcome {
  const vmi = completeVmi(input.vmi);
  const configuration = input.kubevirtConfig ?? {};
  const { devices } = vmi.spec.domain;
  const present = { ...devices, interfaces: (devices.interfaces ?? []).filter(({ state }) => state !== "absent") };
  const { violations } = pluginSidecars(
    { ...vmi, spec: { ...vmi.spec, domain: { ...vmi.spec.domain, devices: present } } },
    configuration,
    NO_FALLBACK,
  );
  if (violations.length > 0 || result.error) return compare(violations.length > 0, Boolean(result.error));
  return compare(
    parsed({ ...annotationsAtCreation(vmi, configuration), ...coreNeeds(vmi) }),
    parsed(result.annotations ?? {}),
  );
}

type PodInput = VmiInput & { readonly pod: AnnotatedPod };

/** The networks of the NICs that stay in a pod: KubeVirt counts ordinal names among these alone. */
function stayingNetworks(vmi: Vmi): Vmi {
  const { interfaces = [] } = vmi.spec.domain.devices;
  const stays = ({ name }: VmiNetwork): boolean =>
    interfaces.some((nic) => nic.name === name && nic.state !== "absent");
  return { ...vmi, spec: { ...vmi.spec, networks: (vmi.spec.networks ?? []).filter(stays) } };
}

/** The annotations of a running pod that change. */
export function annotationsActivePod({ input, result }: Vector<PodInput, AnnotationsResult>): Outcome {
  const vmi = completeVmi(input.vmi);
  const pod = { metadata: input.pod?.metadata ?? {} };
  const of = (asked: Vmi): Record<string, unknown> =>
    parsed(annotationsOfRunningPod(asked, input.kubevirtConfig ?? {}, pod));
  const theirs = parsed(result.annotations ?? {});
  const outcome = compare(of(vmi), theirs);
  if (outcome.verdict !== "failed") return outcome;
  const recounted = {
    ...of(vmi),
    "k8s.v1.cni.cncf.io/networks": of(stayingNetworks(vmi))["k8s.v1.cni.cncf.io/networks"],
  };
  return canonical(recounted) === canonical(theirs) ? { verdict: "deviating", deviations: ["ORDINAL-GAP"] } : outcome;
}

/** What a migration target has of its source. */
export function annotationsFromSource({ input, result }: Vector<PodInput, AnnotationsResult>): Outcome {
  const vmi = completeVmi(input.vmi);
  const ours = annotationsOfMigrationTarget(vmi, input.kubevirtConfig ?? {}, { metadata: input.pod?.metadata ?? {} });
  const unknown = pluginSidecars(vmi, input.kubevirtConfig ?? {}, NO_FALLBACK).violations.length > 0;
  // The pod of a plugin that nobody registered is refused as a whole.
  return result.error ? compare(unknown, true) : compare(parsed(ours), parsed(result.annotations ?? {}));
}

/** What multus is asked for, of every interface, absent ones too. */
export function multus({
  input,
  result,
}: Vector<VmiInput, { readonly annotation: string | null; readonly error: string | null }>): Outcome {
  const vmi = completeVmi(input.vmi);
  const { devices } = vmi.spec.domain;
  const all = { ...devices, interfaces: (devices.interfaces ?? []).map(({ state: _, ...nic }) => nic) };
  const every = { ...vmi, spec: { ...vmi.spec, domain: { ...vmi.spec.domain, devices: all } } };
  const unknown = pluginSidecars(every, input.kubevirtConfig ?? {}, NO_FALLBACK).violations.length > 0;
  if (unknown || result.error) return compare(unknown, Boolean(result.error));
  const theirs = parsed(result.annotation ? { networks: result.annotation } : {});
  const ours = annotationsAtCreation(every, input.kubevirtConfig ?? {})["k8s.v1.cni.cncf.io/networks"];
  return compare(parsed(ours === undefined ? {} : { networks: ours }), theirs);
}

/** The device resources of networks. */
export function networkToResource({
  input,
  result,
}: Vector<
  VmiInput & { readonly nads: readonly NetworkAttachmentDefinition[] },
  { readonly resources: Annotations | null; readonly error: string | null }
>): Outcome {
  const { resources, missing } = networkResources(completeVmi(input.vmi), input.nads);
  if (missing !== undefined || result.error) {
    return result.error?.endsWith(` ${missing}`) ? AGREED : failed(`ours misses ${missing}, theirs ${result.error}`);
  }
  return compare(Object.fromEntries(resources ?? []), result.resources);
}

interface TheirSidecar {
  readonly pluginName: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly downwardAPI?: string;
}

/** The sidecars of a VM's plugins. */
export function sidecars({
  input,
  result,
}: Vector<VmiInput, { readonly sidecars: readonly TheirSidecar[] | null; readonly error: string | null }>): Outcome {
  const { sidecars: found, violations } = pluginSidecars(
    completeVmi(input.vmi),
    input.kubevirtConfig ?? {},
    NO_FALLBACK,
  );
  if (violations.length > 0 || result.error) return compare(violations.length > 0, Boolean(result.error));
  const ours = found.map(({ plugin, image, imagePullPolicy, downwardApi }) => ({
    pluginName: plugin,
    image,
    imagePullPolicy,
    downwardAPI: downwardApi,
  }));
  return compare(ours, result.sidecars ?? []);
}

/** What a VM's bindings cost beside the guest. */
export const memoryOverhead = ({ input, result }: Vector<VmiInput, { readonly bytes: number }>): Outcome =>
  compare(Number(memoryOverheadBytes(completeVmi(input.vmi), input.kubevirtConfig ?? {})), result.bytes);
