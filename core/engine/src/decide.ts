import type { BindingDescription, NicNames, NicSpec, Violation } from "@netbind/contract";
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
import { admitVmi, defaultVmi, sanitizeVmi } from "@netbind/kubevirt/admission";
import { memoryOverheadBytes, type Pod, type PodNetworkRequest, podNetworks, renderPod, sidecarOf } from "@netbind/kubevirt/pod";
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
  /** True where nobody names a MAC address, and its binding gives the guest the pod link's. */
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
  readonly fallback: ImageFallback;
  /** The bindings that can be asked before any pod exists, by name. */
  readonly bindings: ReadonlyMap<string, AskedBinding>;
  /** What bindings are granted beyond the standard, by name; absent: nothing. */
  readonly grants?: GrantsByBinding;
  /** The definitions that the host attaches the pod by; absent where multus does, which has its own. */
  readonly nads?: readonly NetworkAttachmentDefinition[];
}

/** A decision, or all that is in its way. */
export type DecideResult =
  | { readonly decision: Decision; readonly violations: readonly [] }
  | { readonly decision?: never; readonly violations: readonly Violation[] };

/** A NIC that is in the pod, with its network and its binding's registered name. */
export interface BoundNic {
  readonly nic: VmiInterface;
  readonly network: VmiNetwork;
  readonly index: number;
  readonly binding: string;
}

/** The same, with what its binding is told of it. */
interface CandidateSpec {
  readonly candidate: BoundNic;
  readonly spec: NicSpec;
}

/** The NICs that are in the pod: those that name a binding and have a network, without the ones that are taken out. */
export function boundNics(vmi: Vmi): readonly BoundNic[] {
  return interfacesOf(vmi).flatMap((nic, index) => {
    const network = networkOf(vmi, nic.name);
    const binding = bindingName(nic);
    return network === undefined || binding === undefined || nic.state === "absent" ? [] : [{ nic, network, index, binding }];
  });
}

/** Two judges may say the same. */
function oncePerField(violations: readonly Violation[]): readonly Violation[] {
  const heard = new Set<string>();
  return violations.filter(({ field, problem }) => {
    const key = `${field} ${problem}`;
    return !heard.has(key) && heard.add(key);
  });
}

function resolveAll(
  found: readonly BoundNic[],
  input: DecideInput,
): { readonly bindings: readonly ResolvedBinding[]; readonly violations: readonly Violation[] } {
  const bindings: ResolvedBinding[] = [];
  const violations: Violation[] = [];
  for (const name of [...new Set(found.map(({ binding }) => binding))].sort()) {
    const resolved = resolveBinding(name, input.configuration, input.fallback);
    if (!("problem" in resolved)) {
      bindings.push(resolved);
      continue;
    }
    for (const { nic, index } of found.filter(({ binding }) => binding === name)) {
      violations.push({ ...resolved, field: `${INTERFACES_PATH}[${index}]${nic.binding === undefined ? `.${name}` : ".binding.name"}` });
    }
  }
  return { bindings, violations };
}

/** A NIC that KubeVirt attaches by itself has its pod link's MAC address; of others their binding says so. */
const takesPodMac = ({ binding }: BoundNic, bindings: readonly ResolvedBinding[], input: DecideInput): boolean =>
  isDataOnly(bindings.find(({ name }) => name === binding)) || input.bindings.get(binding)?.takesPodMac === true;

const NOT_ATTACHED: ReturnType<typeof podNetworks> = { networks: [], violations: [] };

/** Of what is said of bindings by their names, what is said of these. */
function ofThese<T>(bindings: readonly ResolvedBinding[], byName: Readonly<Record<string, T>> = {}): Readonly<Record<string, T>> {
  const used = new Set(bindings.map(({ name }) => name));
  return Object.fromEntries(Object.entries(byName).filter(([name]) => used.has(name)));
}

/** What the bindings find wrong. What the core found already, a binding need not say again in its own words. */
async function askBindings(
  vmi: Vmi,
  nics: readonly CandidateSpec[],
  input: DecideInput,
  core: readonly Violation[],
): Promise<readonly Violation[]> {
  const found = await admitNics(
    vmi,
    nics.map(({ candidate, spec }) => ({ ...candidate, spec })),
    input.bindings,
  );
  const fields = new Set(core.map(({ field }) => field));
  return found.filter(({ field }) => !fields.has(field));
}

/** Decides about a VMI: defaults, admission by the core and by each binding, registration, the pod. Touches nothing. */
export async function decideVmi(input: DecideInput): Promise<DecideResult> {
  const { vmi } = defaultVmi(sanitizeVmi(input.vmi), input.configuration);
  const { configuration, nads, bindings: described } = input;
  const core = admitVmi(vmi, { configuration, described, ...(nads === undefined ? {} : { nads }) });
  const { networks, violations: networkViolations } =
    input.nads === undefined ? NOT_ATTACHED : podNetworks(vmi, input.configuration, input.nads);
  const found = boundNics(vmi);
  const resolved = resolveAll(found, input);
  const nics = found.map((candidate) => ({ candidate, spec: nicSpec(vmi, candidate.nic, candidate.network) }));
  const judged = await askBindings(vmi, nics, input, core);
  const violations = oncePerField([...core, ...resolved.violations, ...judged, ...networkViolations]);
  if (violations.length > 0) return { violations };
  const needing = await needsOfNics(
    nics.map(({ candidate, spec }) => ({ ...candidate, spec })),
    input.bindings,
  );
  const ungranted = needing.flatMap((nic) => ungrantedNeeds(nic, grantsOf(nic.binding, input.grants)));
  if (ungranted.length > 0) return { violations: ungranted };
  const needs = mergeNeeds(needing.map((nic) => nic.needs));
  return {
    violations: [],
    decision: {
      vmi,
      nics: nics.map(({ candidate, spec }) => ({
        ...decidedNic(vmi, candidate, spec, takesPodMac(candidate, resolved.bindings, input)),
        ...resourceOf(networks, spec.name),
      })),
      bindings: resolved.bindings,
      networks,
      registered: ofThese(resolved.bindings, registrationsOf(input.configuration)),
      grants: ofThese(resolved.bindings, input.grants),
      memoryOverhead: {
        needed: needs.compute.memoryOverheadBytes ?? 0,
        registered: Number(memoryOverheadBytes(vmi, input.configuration)),
      },
      pod: renderPod({
        vmi,
        configuration: input.configuration,
        version: NEWEST_KUBEVIRT,
        sidecars: resolved.bindings.flatMap((binding) => sidecarOf(binding, input.configuration)),
        needs,
        nads: input.nads ?? [],
      }),
    },
  };
}

/** The resource of a NIC's own network: what its binding's definition takes is another thing. */
function resourceOf(networks: Decision["networks"], name: string): Pick<DecidedNic, "resourceName"> {
  const resourceName = networks.find(({ network, cniArgs }) => network === name && cniArgs === undefined)?.resourceName;
  return resourceName === undefined ? {} : { resourceName };
}

/** Joins what is known of a NIC before it is observed. */
export const decidedNic = (
  vmi: Vmi,
  { nic, network, index, binding }: BoundNic,
  spec: NicSpec,
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
  migrationTransport: vmi.status?.migrationTransport === undefined || vmi.status.migrationTransport === "Unix" ? "unix" : "ports",
});
