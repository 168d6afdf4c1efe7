import masquerade from "@netbind/plugin-masquerade";
import {
  type AnnotatedPod,
  annotationsAtCreation,
  annotationsOfMigrationTarget,
  annotationsOfRunningPod,
  memoryOverheadBytes,
  type NetworkAttachmentDefinition,
  networkResources,
  nicSpec,
  pluginSidecars,
  type Vmi,
} from "@netbind/engine";
import { AGREED, compare, completeVmi, failed, type Outcome, type Vector, type VmiInput } from "./vector.ts";

/** KubeVirt has no fallback image. */
const NO_FALLBACK = { policy: "Never", table: {} } as const;

type Annotations = Readonly<Record<string, string>>;
interface AnnotationsResult {
  readonly annotations: Annotations | null;
  readonly error?: string | null;
}

/** Annotations whose value is JSON are compared as JSON, which keeps the order of lists. */
const parsed = (annotations: Annotations): Record<string, unknown> =>
  Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, /^[[{]/.test(value) ? JSON.parse(value) : value]));

/** What the core binding of this release asks of the pod: the mesh's annotations, of masquerade. */
function coreNeeds(vmi: Vmi): Annotations {
  const needs = (vmi.spec.domain.devices.interfaces ?? [])
    .filter((nic) => nic.masquerade !== undefined)
    .map((nic) => masquerade.needs(nicSpec(vmi, nic, vmi.spec.networks?.find(({ name }) => name === nic.name) ?? { name: nic.name })));
  return Object.assign({}, ...needs.map(({ pod }) => pod?.annotations)) as Annotations;
}

/** The annotations of a new pod. */
export function annotations({ input, result }: Vector<VmiInput, AnnotationsResult>): Outcome {
  const vmi = completeVmi(input.vmi);
  const configuration = input.kubevirtConfig ?? {};
  const { violations } = pluginSidecars(vmi, configuration, NO_FALLBACK);
  if (violations.length > 0 || result.error) return compare(violations.length > 0, Boolean(result.error));
  return compare(parsed({ ...annotationsAtCreation(vmi, configuration), ...coreNeeds(vmi) }), parsed(result.annotations ?? {}));
}

type PodInput = VmiInput & { readonly pod: AnnotatedPod };

/** The annotations of a running pod that change. */
export const annotationsActivePod = ({ input, result }: Vector<PodInput, AnnotationsResult>): Outcome =>
  compare(parsed(annotationsOfRunningPod(completeVmi(input.vmi), input.kubevirtConfig ?? {}, input.pod)), parsed(result.annotations ?? {}));

/** What a migration target has of its source. */
export const annotationsFromSource = ({ input, result }: Vector<PodInput, AnnotationsResult>): Outcome =>
  compare(
    parsed(annotationsOfMigrationTarget(completeVmi(input.vmi), input.kubevirtConfig ?? {}, input.pod)),
    parsed(result.annotations ?? {}),
  );

/** What multus is asked for, of every interface, absent ones too. */
export function multus({
  input,
  result,
}: Vector<VmiInput, { readonly annotation: string | null; readonly error: string | null }>): Outcome {
  const vmi = completeVmi(input.vmi);
  const { devices } = vmi.spec.domain;
  const all = { ...devices, interfaces: (devices.interfaces ?? []).map(({ state: _, ...nic }) => nic) };
  const every = { ...vmi, spec: { ...vmi.spec, domain: { ...vmi.spec.domain, devices: all } } };
  return compare(annotationsAtCreation(every, input.kubevirtConfig ?? {})["k8s.v1.cni.cncf.io/networks"], result.annotation);
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
  const { sidecars: found, violations } = pluginSidecars(completeVmi(input.vmi), input.kubevirtConfig ?? {}, NO_FALLBACK);
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
