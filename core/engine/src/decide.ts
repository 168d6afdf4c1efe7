import { type BindingDescription, defined, type NicNames, type NicSpec, type Violation } from "@netbind/contract";
import {
  bindingName,
  type BindingRegistration,
  hasOwnMac,
  type ImageFallback,
  INTERFACES_PATH,
  interfacesOf,
  isDataOnly,
  type KubevirtConfiguration,
  type NetworkAttachmentDefinition,
  networkOf,
  type KubevirtMinor,
  NEWEST_KUBEVIRT,
  nicMac,
  nicNames,
  nicSpec,
  registrationsOf,
  resolveBinding,
  type ResolvedBinding,
  tapQueues,
  type Vmi,
  type VmiInterface,
  type VmiNetwork,
} from "@netbind/kubevirt";
import { admitVmi, type CodedViolation, defaultVmi, foundBy, sanitizeVmi } from "@netbind/kubevirt/admission";
import {
  memoryOverheadBytes,
  type Pod,
  type PodNetworkRequest,
  podNetworks,
  renderPod,
  sidecarOf,
} from "@netbind/kubevirt/pod";
import { admitNics, type NicAdmitter } from "./plan/admit-nics.ts";
import { ungrantedNeeds } from "./plan/check-needs.ts";
import { type GrantsByBinding, grantsOf } from "./plan/grants.ts";
import { needsOfNics, type NicSupplier } from "./plan/needs-of-nics.ts";
import { mergeNeeds } from "./plan/merge-needs.ts";

/** A NIC, with all that is known of it before its pod exists. */
export interface DecidedNic {
  readonly spec: NicSpec;
  /** The registered name of its binding. */
  readonly binding: string;
  /** True where the VM names a plugin: its registration says who writes the NIC. False for KubeVirt's own keys. */
  readonly isPlugin: boolean;
  /** Its place in the VM's list of interfaces. */
  readonly index: number;
  /** Its author's, the one in the VM's status, or one derived from the VM's name. */
  readonly mac: string;
  /** True where no MAC address is named, and its binding gives the guest the pod link's. */
  readonly takesPodMac: boolean;
  readonly queues: number;
  readonly names: NicNames;
  /** The device plugin's resource that its network takes one of, where that is known. */
  readonly resourceName?: string;
  readonly migrationTransport: "unix" | "ports";
}

/** What was decided of a VM, as far as attaching its NICs goes. */
export interface NicsDecision {
  readonly nics: readonly DecidedNic[];
  /** One entry for each distinct binding. */
  readonly bindings: readonly ResolvedBinding[];
}

/** What a pod is made from. */
export interface PodDecision extends NicsDecision {
  readonly vmi: Vmi;
  /** What the host attaches the pod to, in its order; empty where multus does. */
  readonly networks: readonly PodNetworkRequest[];
}

/** What was decided about a VMI: all that a host needs to go on. */
export interface Decision extends PodDecision {
  readonly pod: Pod;
  /** Bytes of memory beside the guest's: what the bindings need, and what their registrations ask for. */
  readonly memoryOverhead: { readonly needed: number; readonly registered: number };
  /** What the KubeVirt CR says of the VM's bindings, by name. */
  readonly registered: Readonly<Record<string, BindingRegistration>>;
  /** What its bindings may do beyond the standard grants, by name. */
  readonly grants: GrantsByBinding;
}

/** A binding that can be asked before any pod exists: a plugin in this process, or one behind a socket. */
export interface AskedBinding extends NicAdmitter, NicSupplier {
  readonly takesPodMac: boolean;
  readonly migration: BindingDescription["migration"];
}

/** What a decision is made from. */
export interface DecideInput {
  readonly vmi: Vmi;
  readonly configuration: KubevirtConfiguration;
  /** False where no CR says what the cluster registers; absent: it is known. */
  readonly isClusterKnown?: boolean;
  readonly fallback: ImageFallback;
  /** The bindings that can be asked before any pod exists, by name. */
  readonly bindings: ReadonlyMap<string, AskedBinding>;
  /** What bindings are granted beyond the standard, by name; absent: nothing. */
  readonly grants?: GrantsByBinding;
  /** The definitions that the host attaches the pod by; absent where multus does, which has its own. */
  readonly nads?: readonly NetworkAttachmentDefinition[];
  /** The version of KubeVirt that admits the VM and makes its pod; absent: the newest. */
  readonly version?: KubevirtMinor;
}

/** A decision, or all that is in its way. */
export type DecideResult =
  | { readonly decision: Decision; readonly violations: readonly [] }
  | { readonly decision?: never; readonly violations: readonly CodedViolation[] };

/** A NIC that is in the pod, with its network and its binding's registered name. */
export interface BoundNic {
  readonly nic: VmiInterface;
  readonly network: VmiNetwork;
  /** Its place in the VM's list of interfaces. */
  readonly index: number;
  readonly binding: string;
  /** The NIC as its binding sees it. */
  readonly spec: NicSpec;
}

/** The NICs that are in the pod: those that name a binding and have a network, without the ones that are taken out. */
export function boundNics(vmi: Vmi): readonly BoundNic[] {
  return interfacesOf(vmi).flatMap((nic, index) => {
    const network = networkOf(vmi, nic.name);
    const binding = bindingName(nic);
    if (network === undefined || binding === undefined || nic.state === "absent") return [];
    return [{ nic, network, index, binding, spec: nicSpec(vmi, nic, network) }];
  });
}

/** Two judges may say the same. */
function oncePerField(violations: readonly CodedViolation[]): readonly CodedViolation[] {
  const known = new Set<string>();
  return violations.filter(({ field, problem }) => {
    const key = `${field} ${problem}`;
    return !known.has(key) && known.add(key);
  });
}

function resolveAll(
  found: readonly BoundNic[],
  input: DecideInput,
): { readonly bindings: readonly ResolvedBinding[]; readonly violations: readonly Violation[] } {
  const bindings: ResolvedBinding[] = [];
  const violations: Violation[] = [];
  const known = input.isClusterKnown === false ? undefined : input.configuration;
  for (const name of [...new Set(found.map(({ binding }) => binding))].sort()) {
    const resolved = resolveBinding(name, known, input.fallback);
    if (!("problem" in resolved)) {
      bindings.push(resolved);
      continue;
    }
    for (const { nic, index } of found.filter(({ binding }) => binding === name)) {
      violations.push({
        ...resolved,
        field: `${INTERFACES_PATH}[${index}]${nic.binding === undefined ? `.${name}` : ".binding.name"}`,
      });
    }
  }
  return { bindings, violations };
}

/** A NIC that KubeVirt attaches by itself has its pod link's MAC address; of others their binding says so. */
const takesPodMac = ({ binding }: BoundNic, bindings: readonly ResolvedBinding[], input: DecideInput): boolean =>
  isDataOnly(bindings.find(({ name }) => name === binding)) || input.bindings.get(binding)?.takesPodMac === true;

const NOT_ATTACHED: ReturnType<typeof podNetworks> = { networks: [], violations: [] };

/** Of what is said of bindings by their names, what is said of these. */
function ofThese<T>(
  bindings: readonly ResolvedBinding[],
  byName: Readonly<Record<string, T>> = {},
): Readonly<Record<string, T>> {
  const used = new Set(bindings.map(({ name }) => name));
  return Object.fromEntries(Object.entries(byName).filter(([name]) => used.has(name)));
}

/** What the core finds wrong with a VM, then what its bindings do: of a field that the core names they need not speak again. */
async function admit(
  vmi: Vmi,
  nics: readonly BoundNic[],
  { configuration, nads, bindings, version = NEWEST_KUBEVIRT }: DecideInput,
): Promise<readonly CodedViolation[]> {
  const byCore = admitVmi(vmi, { configuration, version, described: bindings, ...defined({ nads }) });
  const byBindings = await admitNics(vmi, nics, bindings);
  const fields = new Set(byCore.map(({ field }) => field));
  return [
    ...byCore,
    ...foundBy(
      "ADMIT",
      byBindings.filter(({ field }) => !fields.has(field)),
    ),
  ];
}

/** An admitted VM, with all that its decision is put together from. */
interface AdmittedVm {
  readonly input: DecideInput;
  readonly vmi: Vmi;
  readonly nics: readonly BoundNic[];
  readonly bindings: readonly ResolvedBinding[];
  readonly networks: readonly PodNetworkRequest[];
  readonly needs: ReturnType<typeof mergeNeeds>;
}

const podOf = ({
  input: { configuration, nads = [], version = NEWEST_KUBEVIRT },
  vmi,
  bindings,
  needs,
}: AdmittedVm): Pod =>
  renderPod({
    vmi,
    configuration,
    version,
    sidecars: bindings.flatMap((binding) => sidecarOf(binding, configuration)),
    needs,
    nads,
  });

const decisionOf = (admitted: AdmittedVm): Decision => {
  const { input, vmi, nics, bindings, networks, needs } = admitted;
  return {
    vmi,
    nics: nics.map((nic) => ({
      ...decidedNic(vmi, nic, takesPodMac(nic, bindings, input)),
      ...resourceOf(networks, nic.spec.name),
    })),
    bindings,
    networks,
    registered: ofThese(bindings, registrationsOf(input.configuration)),
    grants: ofThese(bindings, input.grants),
    memoryOverhead: {
      needed: needs.compute.memoryOverheadBytes ?? 0,
      registered: Number(memoryOverheadBytes(vmi, input.configuration)),
    },
    pod: podOf(admitted),
  };
};

/** Decides about a VMI: defaults, admission by the core and by each binding, registration, the pod. Touches nothing. */
export async function decideVmi(input: DecideInput): Promise<DecideResult> {
  const { configuration, nads } = input;
  const { vmi } = defaultVmi(sanitizeVmi(input.vmi), configuration);
  const nics = boundNics(vmi);
  const resolved = resolveAll(nics, input);
  const attached = nads === undefined ? NOT_ATTACHED : podNetworks(vmi, configuration, nads);
  const found = await admit(vmi, nics, input);
  const violations = oncePerField([
    ...found,
    ...foundBy("BINDING", resolved.violations),
    ...foundBy("NETWORK", attached.violations),
  ]);
  if (violations.length > 0) return { violations };
  const needing = await needsOfNics(nics, input.bindings);
  const ungranted = needing.flatMap((nic) => ungrantedNeeds(nic, grantsOf(nic.binding, input.grants)));
  if (ungranted.length > 0) return { violations: foundBy("GRANTS", ungranted) };
  const needs = mergeNeeds(needing.map((nic) => nic.needs));
  const { bindings } = resolved;
  return { violations: [], decision: decisionOf({ input, vmi, nics, bindings, networks: attached.networks, needs }) };
}

/** The resource of a NIC's own network: what its binding's definition takes is another thing. */
function resourceOf(networks: Decision["networks"], name: string): Pick<DecidedNic, "resourceName"> {
  const resourceName = networks.find(({ network, cniArgs }) => network === name && cniArgs === undefined)?.resourceName;
  return defined({ resourceName });
}

/** Joins what is known of a NIC before it is observed. */
export const decidedNic = (
  vmi: Vmi,
  { nic, network, index, binding, spec }: BoundNic,
  takesMac: boolean,
  names: NicNames = nicNames(network),
): DecidedNic => ({
  spec,
  binding,
  isPlugin: nic.binding !== undefined,
  index,
  mac: nicMac(vmi, nic),
  takesPodMac: takesMac && !hasOwnMac(vmi, nic),
  queues: tapQueues(vmi, spec.name, spec.model),
  names,
  migrationTransport:
    vmi.status?.migrationTransport === undefined || vmi.status.migrationTransport === "Unix" ? "unix" : "ports",
});
